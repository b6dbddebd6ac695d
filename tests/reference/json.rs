//! Generates docs/json.md, the output of `--json`, from the printed types.

use std::fmt::Write;

use bcops::commands::schemas;
use serde_json::{Map, Value, json};

const BEGINNING: &str = "# What `--json` prints\n\n\
    Made by `make docs` from the types of the results. With `--json` every command prints exactly one document on\n\
    standard output, also when it fails. The exit code stays the same. New fields can be added; a field is removed or\n\
    changes its type only with a new `schema_version`. Texts and numbers in the examples are made up.\n\n";

/// The page.
pub fn page() -> String {
    let mut text = BEGINNING.to_owned();
    describe(&schemas::document(), &mut text);
    for (title, schema) in schemas::results() {
        let _ = write!(text, "\n## {title}\n\n");
        if let Some(line) = Schema::whole(schema.as_value()).description() {
            let _ = write!(text, "{line}\n\n");
        }
        describe(&schema, &mut text);
    }
    text
}

/// Its fields, and an example.
fn describe(schema: &schemars::Schema, text: &mut String) {
    let schema = Schema::whole(schema.as_value());
    text.push_str("| field | type | meaning |\n|---|---|---|\n");
    schema.rows("", text);
    let example = serde_json::to_string_pretty(&schema.example("")).unwrap_or_default();
    let _ = write!(text, "\n```json\n{example}\n```\n");
}

/// A part of a schema, and the whole schema.
#[derive(Clone, Copy)]
struct Schema<'a> {
    root: &'a Value,
    node: &'a Value,
}

impl<'a> Schema<'a> {
    fn whole(root: &'a Value) -> Schema<'a> {
        Schema { root, node: root }
    }

    fn part(self, node: &'a Value) -> Schema<'a> {
        Schema { node, ..self }
    }

    /// The part that it refers to, if it is a reference, and whether it may be null.
    fn resolved(self) -> (Schema<'a>, bool) {
        if let Some(name) = self.node["$ref"].as_str() {
            let target = self.root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
            return self.part(target).resolved();
        }
        let is_null = |one: &Value| one["type"] == "null";
        match self.node["anyOf"].as_array().map(Vec::as_slice) {
            Some([one, null]) if is_null(null) => (self.part(one).resolved().0, true),
            _ => {
                let types = self.node["type"].as_array();
                (self, types.is_some_and(|types| types.iter().any(|one| one == "null")))
            }
        }
    }

    fn description(self) -> Option<String> {
        let text = self.node["description"].as_str()?;
        Some(text.replace('\n', " ").replace('|', "\\|"))
    }

    fn kind(self) -> &'a str {
        let kind = &self.node["type"];
        let first =
            || kind.as_array()?.iter().find_map(|one| one.as_str().filter(|one| *one != "null"));
        kind.as_str().or_else(first).unwrap_or_default()
    }

    /// The values of an enum.
    fn values(self) -> Vec<&'a str> {
        let listed = self.node["enum"].as_array().into_iter().flatten();
        let single = self.node["oneOf"].as_array().into_iter().flatten();
        let of_one = |one: &'a Value| {
            let several = one["enum"].as_array().into_iter().flatten();
            one["const"].as_str().into_iter().chain(several.filter_map(Value::as_str))
        };
        listed.filter_map(Value::as_str).chain(single.flat_map(of_one)).collect()
    }

    /// The alternative forms.
    fn forms(self) -> Vec<Schema<'a>> {
        let forms = self.node["anyOf"].as_array().into_iter().flatten();
        forms.filter(|one| one["type"] != "null").map(|one| self.part(one)).collect()
    }

    fn properties(self) -> Vec<(&'a str, Schema<'a>)> {
        let properties = self.node["properties"].as_object().into_iter().flatten();
        properties.map(|(name, node)| (name.as_str(), self.part(node))).collect()
    }

    fn is_required(self, name: &str) -> bool {
        let required = self.node["required"].as_array();
        required.is_some_and(|required| required.iter().any(|one| one == name))
    }

    fn in_words(self) -> String {
        let (schema, nullable) = self.resolved();
        let or_null = if nullable { " or null" } else { "" };
        let values = schema.values();
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|one| format!("`{one}`")).collect();
            return format!("{}{or_null}", values.join(", "));
        }
        let forms = schema.forms();
        if !forms.is_empty() {
            let mut forms: Vec<String> = forms.iter().map(|one| one.in_words()).collect();
            forms.dedup();
            return format!("{}{or_null}", forms.join(" or "));
        }
        let word = match schema.kind() {
            "array" => format!("list of {}s", schema.part(&schema.node["items"]).in_words()),
            "string" if schema.node["format"] == "date-time" => "time".to_owned(),
            "" => "any".to_owned(),
            other => other.to_owned(),
        };
        format!("{word}{or_null}")
    }

    /// A line for each field, those of inner objects after it.
    fn rows(self, path: &str, text: &mut String) {
        let (schema, _) = self.resolved();
        for form in schema.forms() {
            form.rows(path, text);
        }
        for (name, property) in schema.properties() {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let last = path.rsplit('.').next().unwrap_or_default();
            let mut meaning = property.description().unwrap_or_else(|| meaning_of(last).to_owned());
            let mut words = property.in_words();
            // A field that is omitted when empty is never null.
            if !schema.is_required(name) {
                meaning = format!("{meaning} Not always there.").trim().to_owned();
                words = words.trim_end_matches(" or null").to_owned();
            }
            let _ = writeln!(text, "| `{path}` | {words} | {meaning} |");
            property.rows_of_inner(&path, text);
        }
    }

    fn rows_of_inner(self, path: &str, text: &mut String) {
        let (schema, _) = self.resolved();
        match (&schema.node["items"], &schema.node["additionalProperties"]) {
            (Value::Null, inner @ Value::Object(_)) => {
                schema.part(inner).rows(&format!("{path}.NAME"), text);
            }
            (Value::Null, _) => schema.rows(path, text),
            (items, _) => schema.part(items).rows_of_inner(&format!("{path}[]"), text),
        }
    }

    fn example(self, name: &str) -> Value {
        let (schema, _) = self.resolved();
        if let Some(first) = schema.values().first() {
            return json!(first);
        }
        if let Some(first) = schema.forms().first() {
            return first.example(name);
        }
        match schema.kind() {
            "array" => json!([schema.part(&schema.node["items"]).example(name)]),
            "boolean" => json!(false),
            "integer" => json!(1),
            "number" => json!(1.5),
            "string" if schema.node["format"] == "date-time" => json!("2026-11-30T09:00:00Z"),
            "string" => json!(word_for(name)),
            _ => {
                let mut object = Map::new();
                for (name, property) in schema.properties() {
                    object.insert(name.to_owned(), property.example(name));
                }
                if let inner @ Value::Object(_) = &schema.node["additionalProperties"] {
                    object.insert("NAME".to_owned(), schema.part(inner).example(name));
                }
                Value::Object(object)
            }
        }
    }
}

/// The meaning of a name everywhere, unless its field has its own comment.
fn meaning_of(name: &str) -> &'static str {
    match name {
        "environment" => "As in the configuration.",
        "app" => "The Heroku app.",
        "dry_run" => "Whether nothing was changed, because of `--dry-run`.",
        "policy" => "The manifest's, for example `local`.",
        "url" => "Its address.",
        "run" => "The name of the run.",
        "branch" => "The branch of the environment.",
        "seconds" => "How long it took.",
        _ => "",
    }
}

/// The possible values of a text with this name.
fn word_for(name: &str) -> &'static str {
    match name {
        "environment" => "staging",
        "app" => "buckinghamshire-staging",
        "branch" => "staging",
        "table" => "users_user",
        "column" => "email",
        "url" => "https://www.example.org/",
        "host" => "www.example.org",
        "policy" => "local",
        "dyno" => "run.1234",
        "place" => "the server localhost:5432",
        _ => "…",
    }
}
