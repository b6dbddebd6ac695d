//! Holds indices with mappings and documents, and aliases.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::search::Scroll;
use super::server::{no_such_index, refusal};
use crate::standins::server::Reply;

#[derive(Default)]
pub struct Index {
    pub settings: Value,
    /// Every field of the mapping by its path, nested ones included.
    pub fields: BTreeMap<String, Field>,
    pub properties: Map<String, Value>,
    /// The documents that searches and counts see.
    pub visible: BTreeMap<String, Value>,
    /// Changes since the last refresh. `None` is a deletion.
    pub pending: BTreeMap<String, Option<Value>>,
    pub closed: bool,
    /// In milliseconds since 1970. A later index has a larger number.
    pub created: u64,
}

/// The used parts of a field of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub kind: String,
    pub stored: bool,
    pub copy_to: Vec<String>,
    pub by_beginnings: bool,
}

impl Index {
    pub fn put(&mut self, id: &str, document: Value) -> bool {
        let is_new = !self.has(id);
        self.pending.insert(id.to_owned(), Some(document));
        is_new
    }

    pub fn delete(&mut self, id: &str) -> bool {
        let was_there = self.has(id);
        self.pending.insert(id.to_owned(), None);
        was_there
    }

    /// A document by its id is found before a refresh, unlike by a search.
    pub fn current(&self, id: &str) -> Option<&Value> {
        match self.pending.get(id) {
            Some(pending) => pending.as_ref(),
            None => self.visible.get(id),
        }
    }

    fn has(&self, id: &str) -> bool {
        self.current(id).is_some()
    }

    pub fn refresh(&mut self) {
        for (id, document) in std::mem::take(&mut self.pending) {
            match document {
                Some(document) => _ = self.visible.insert(id, document),
                None => _ = self.visible.remove(&id),
            }
        }
    }

    fn number(&self, name: &str) -> u64 {
        let settings = &self.settings["settings"];
        let candidates = [&settings["index"][name], &settings[name]];
        let given = candidates.into_iter().find_map(|value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        });
        given.unwrap_or(1)
    }

    pub fn primaries(&self) -> u64 {
        self.number("number_of_shards")
    }

    pub fn replicas(&self) -> u64 {
        self.number("number_of_replicas")
    }

    pub fn bytes(&self) -> usize {
        self.visible.values().map(|document| document.to_string().len()).sum::<usize>() + 208
    }

    /// Adds to the mapping. The type of a field cannot be changed.
    pub fn map(&mut self, properties: &Map<String, Value>) -> Result<(), Reply> {
        let mut fields = self.fields.clone();
        add_fields(&mut fields, "", properties)?;
        self.fields = fields;
        self.properties.extend(properties.clone());
        Ok(())
    }
}

fn add_fields(
    fields: &mut BTreeMap<String, Field>,
    prefix: &str,
    properties: &Map<String, Value>,
) -> Result<(), Reply> {
    for (name, given) in properties {
        let path = format!("{prefix}{name}");
        if let Some(inner) = given["properties"].as_object() {
            add_fields(fields, &format!("{path}."), inner)?;
        }
        let copy_to = match &given["copy_to"] {
            Value::String(one) => vec![one.clone()],
            several => several.as_array().into_iter().flatten().filter_map(text).collect(),
        };
        let field = Field {
            kind: given["type"].as_str().unwrap_or("object").to_owned(),
            stored: given["store"] == json!(true),
            copy_to,
            by_beginnings: given["analyzer"] == json!("edgengram_analyzer"),
        };
        if let Some(known) = fields.get(&path)
            && known.kind != field.kind
        {
            let reason = format!(
                "mapper [{path}] cannot be changed from type [{}] to [{}]",
                known.kind, field.kind
            );
            return Err(refusal(400, "illegal_argument_exception", &reason));
        }
        fields.insert(path, field);
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[derive(Default)]
pub struct Indices {
    by_name: BTreeMap<String, Index>,
    /// The indices of each alias.
    aliases: BTreeMap<String, Vec<String>>,
    pub scrolls: BTreeMap<String, Scroll>,
    pub scrolls_made: u64,
    indices_made: u64,
}

impl Indices {
    pub fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Index)> {
        self.by_name.iter()
    }

    pub fn get(&self, name: &str) -> Option<&Index> {
        self.by_name.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Index> {
        self.by_name.get_mut(name)
    }

    pub fn is_alias(&self, name: &str) -> bool {
        self.aliases.contains_key(name)
    }

    /// The indices that a name, an alias, or a list of them means.
    pub fn meant(&self, expression: &str) -> Result<Vec<String>, Reply> {
        let mut names = Vec::new();
        for name in expression.split(',') {
            match (self.aliases.get(name), name) {
                (_, "_all" | "*") => names.extend(self.names()),
                (Some(indices), _) => names.extend(indices.iter().cloned()),
                (None, _) if self.by_name.contains_key(name) => names.push(name.to_owned()),
                _ => return Err(no_such_index(name)),
            }
        }
        Ok(names)
    }

    fn new_index(&mut self) -> Index {
        self.indices_made += 1;
        Index { created: 1_790_000_000_000 + self.indices_made, ..Index::default() }
    }

    /// The index that a document is written to, created if missing.
    pub fn for_writing(&mut self, name: &str) -> &mut Index {
        let aliased = self.aliases.get(name).and_then(|all| all.first());
        let name = aliased.cloned().unwrap_or_else(|| name.to_owned());
        let new = self.new_index();
        self.by_name.entry(name).or_insert(new)
    }

    pub fn create(&mut self, name: &str, settings: Value) -> Result<(), Reply> {
        if self.by_name.contains_key(name) {
            let reason = format!("index [{name}] already exists");
            return Err(refusal(400, "resource_already_exists_exception", &reason));
        }
        if self.is_alias(name) {
            let reason = format!("Invalid index name [{name}], already exists as alias");
            return Err(refusal(400, "invalid_index_name_exception", &reason));
        }
        let mut index = self.new_index();
        if let Some(properties) = settings["mappings"]["properties"].as_object() {
            index.map(properties)?;
        }
        self.by_name.insert(name.to_owned(), Index { settings, ..index });
        Ok(())
    }

    pub fn remove(&mut self, name: &str) -> bool {
        for indices in self.aliases.values_mut() {
            indices.retain(|index| index != name);
        }
        self.aliases.retain(|_, indices| !indices.is_empty());
        self.by_name.remove(name).is_some()
    }

    pub fn fill(&mut self, name: &str, documents: u64) {
        let new = self.new_index();
        let index = self.by_name.entry(name.to_owned()).or_insert(new);
        for number in 1..=documents {
            index.visible.insert(number.to_string(), json!({ "pk": number.to_string() }));
        }
    }

    pub fn add_alias(&mut self, alias: &str, index: &str) {
        let indices = self.aliases.entry(alias.to_owned()).or_default();
        if !indices.iter().any(|known| known == index) {
            indices.push(index.to_owned());
        }
    }

    pub fn remove_alias(&mut self, alias: &str, index: &str) {
        if let Some(indices) = self.aliases.get_mut(alias) {
            indices.retain(|known| known != index);
        }
        self.aliases.retain(|_, indices| !indices.is_empty());
    }

    /// Every index with its aliases, as `GET /_alias` has them; or only those of a requested alias.
    pub fn aliases_json(&self, only: Option<&str>) -> Value {
        let of_index = |name: &String| {
            let own = self.aliases.iter().filter(|(alias, indices)| {
                indices.contains(name) && only.is_none_or(|only| only == alias.as_str())
            });
            let aliases: Map<String, Value> =
                own.map(|(alias, _)| (alias.clone(), json!({}))).collect();
            (only.is_none() || !aliases.is_empty())
                .then(|| (name.clone(), json!({ "aliases": aliases })))
        };
        self.by_name.keys().filter_map(of_index).collect::<Map<_, _>>().into()
    }
}
