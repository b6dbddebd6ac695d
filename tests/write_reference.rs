//! Writes the generated pages for `make docs`, from the program's own definitions.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it has to be"
)]

mod reference;

fn main() -> Result<(), String> {
    for (path, text) in reference::pages()? {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
