//! A `bcops.toml` that was found, and not named: what it can do before it is trusted, which is next to
//! nothing, and how trust is given, kept and lost.

mod attacks;
mod records;
mod without_protection;

use crate::command::Bcops;

/// A clone with a file that is only found.
fn clone_with(text: &str) -> Bcops {
    let mut bcops = Bcops::new();
    bcops.finds_its_file();
    bcops.write("bcops.toml", text);
    bcops
}
