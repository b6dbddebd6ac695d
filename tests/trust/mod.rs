//! Tests a found `bcops.toml` that was not named: it can do almost nothing before it is trusted.
//! Also tests how trust is given, kept and lost.

mod attacks;
mod records;
mod without_protection;

use crate::command::Bcops;

/// A clone with a found file.
fn clone_with(text: &str) -> Bcops {
    let mut bcops = Bcops::new();
    bcops.finds_its_file();
    bcops.write("bcops.toml", text);
    bcops
}
