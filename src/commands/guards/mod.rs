//! What a command refuses to write to, found out before anything is written.

mod local;
mod protected;
mod stores;

pub use local::{not_an_environments_own, not_the_servers_own, on_this_machine};
pub use protected::Protected;
