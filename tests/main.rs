//! Everything that needs a process or a server, in one binary: each further one links for ever.

mod download;
mod heroku_adapter;
mod heroku_cli;
mod heroku_faults;
mod heroku_world;
mod standins;
mod support;
