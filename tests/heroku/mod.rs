//! Tests the Heroku adapter with the stand-in that the real CLI has proved.

pub mod adapter;
pub mod builds;
mod databases;
mod deploys;
mod detached;
mod faults;
mod one_off;
mod one_off_faults;
mod states;
pub mod world;
