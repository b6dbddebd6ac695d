//! Writes the messages about the run, from what the run really did.

mod messages;
mod pipeline;
mod slack;
mod texts;

pub use messages::Messages;
pub use pipeline::Pipeline;
