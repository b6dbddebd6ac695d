//! One test binary for everything that needs a process or a server.

mod support;
