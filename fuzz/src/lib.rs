//! The fuzzed modules alone, without the network libraries of the whole package, which would make
//! an instrumented build take many times as long.

#[path = "../../src/archive/mod.rs"]
pub mod archive;
#[path = "../../src/schema.rs"]
pub mod schema;
