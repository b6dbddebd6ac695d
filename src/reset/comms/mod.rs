//! What is said about the run, from what was really done.

mod messages;
mod pipeline;
mod slack;

pub use messages::Messages;
pub use pipeline::Pipeline;

pub const STAGE: &str = "comms";
