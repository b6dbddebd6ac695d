//! Describes a manifest as a list of statements, for comparison with an earlier manifest.

use std::collections::BTreeMap;

use toml::Value;

use super::manifest::Manifest;

/// The name of the statement that says which built-in manifest is the base.
const BUILT_IN: &str = "the built-in manifest";

impl Manifest {
    /// Each statement of the user's own file by its dotted name, and the version of the built-in
    /// manifest if it is the base. Places and the order of the file do not matter.
    pub fn described(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        if self.base.is_some() {
            let version = env!("CARGO_PKG_VERSION");
            found.insert(BUILT_IN.to_owned(), format!("that of bcops {version}"));
        }
        for source in &self.sources {
            if let Ok(table) = source.parse::<toml::Table>() {
                flatten("", &Value::Table(table), &mut found);
            }
        }
        found
    }
}

fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let inside = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| flatten(&inside(key), value, found));
        }
        Value::String(text) => _ = found.insert(name.to_owned(), text.clone()),
        value => _ = found.insert(name.to_owned(), value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_described_by_its_statements() {
        let built_in = Manifest::built_in().expect("a manifest").described();
        assert_eq!(built_in.keys().collect::<Vec<_>>(), [BUILT_IN]);
        let text =
            "schema_version = 1\nextends = \"built-in\"\n[tables.my_table]\nclass = \"content\"\n";
        let one = Manifest::parse("a.toml", text).expect("a manifest").described();
        assert_eq!(one["tables.my_table.class"], "content");
        assert!(one.contains_key(BUILT_IN));
        let moved = format!("# A comment\n{text}");
        assert_eq!(Manifest::parse("/b.toml", &moved).expect("a manifest").described(), one);
    }
}
