//! What is said about the run, from what was really done.

mod messages;
mod pipeline;
mod slack;
mod texts;

pub use messages::Messages;
pub use pipeline::Pipeline;
