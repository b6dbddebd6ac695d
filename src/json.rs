//! Serializes the types that `--json` prints.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The document of a result. Null if it cannot be serialized, which does not happen.
pub fn document(result: impl Serialize) -> Value {
    serde_json::to_value(result).unwrap_or_default()
}

/// The name of a variant in a document.
pub fn name(variant: impl Serialize) -> String {
    match document(variant) {
        Value::String(name) => name,
        other => other.to_string(),
    }
}

/// Writes a duration in whole seconds: `#[serde(serialize_with = "json::whole_seconds")]`.
pub fn whole_seconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(took.as_secs())
}

/// Serializes a type as text.
macro_rules! written_as_text {
    ($type:ty, $text:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$text(self))
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <String as schemars::JsonSchema>::schema_name()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <String as schemars::JsonSchema>::json_schema(generator)
            }
        }
    };
}

pub(crate) use written_as_text;
