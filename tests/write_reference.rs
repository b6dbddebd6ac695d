//! `make docs`: writes the pages that are made from the program's own definitions.

mod reference;

fn main() -> Result<(), String> {
    for (path, text) in reference::pages()? {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
