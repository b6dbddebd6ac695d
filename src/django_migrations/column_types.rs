//! Knows the type of the column that a class of fields makes in Postgres.

use super::expression::{Call, Expression, Kind};
use super::names::Names;

/// The type as `format_type` writes it. `None` for a class that is not known.
pub fn of(class: &str, call: &Call, names: &Names) -> Option<String> {
    let (package, name) = class.rsplit_once('.')?;
    let is_of_django = package == "django.db.models" || package.starts_with("django.db.models.");
    match package {
        _ if is_of_django && name == "GeneratedField" => inner(call.named("output_field")?, names),
        _ if is_of_django => django(name, call, names),
        _ if package.starts_with("django.contrib.postgres.") => postgres(name, call, names),
        _ if package.starts_with("django.contrib.gis.db.models") => {
            geometry(name).or_else(|| django(name, call, names))
        }
        _ if package == "wagtail" || package.starts_with("wagtail.") => wagtail(name, call, names),
        _ => other(class, call, names),
    }
}

fn django(name: &str, call: &Call, names: &Names) -> Option<String> {
    let varying = |default| Some(varying(number(call, names, "max_length"), default));
    let fixed = match name {
        "AutoField" | "IntegerField" | "PositiveIntegerField" | "OrderWrt" => "integer",
        "BigAutoField" | "BigIntegerField" | "PositiveBigIntegerField" => "bigint",
        "SmallAutoField" | "SmallIntegerField" | "PositiveSmallIntegerField" => "smallint",
        "BinaryField" => "bytea",
        "BooleanField" | "NullBooleanField" => "boolean",
        "DateField" => "date",
        "DateTimeField" => "timestamp with time zone",
        "DurationField" => "interval",
        "FloatField" => "double precision",
        "GenericIPAddressField" | "IPAddressField" => "inet",
        "JSONField" => "jsonb",
        "TextField" => "text",
        "TimeField" => "time without time zone",
        "UUIDField" => "uuid",
        "CharField" | "CommaSeparatedIntegerField" => return varying(None),
        "EmailField" => return varying(Some(254)),
        "FileField" | "ImageField" | "FilePathField" => return varying(Some(100)),
        "SlugField" => return varying(Some(50)),
        "URLField" => return varying(Some(200)),
        "DecimalField" => {
            let digits = number(call, names, "max_digits");
            let places = number(call, names, "decimal_places");
            return Some(match (digits, places) {
                (Some(digits), Some(places)) => format!("numeric({digits},{places})"),
                _ => "numeric".to_owned(),
            });
        }
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn postgres(name: &str, call: &Call, names: &Names) -> Option<String> {
    let fixed = match name {
        "ArrayField" => {
            let base = inner(call.argument("base_field", 0)?, names)?;
            return Some(format!("{}[]", base.trim_end_matches("[]")));
        }
        "HStoreField" => "hstore",
        "JSONField" => "jsonb",
        "SearchVectorField" => "tsvector",
        "CICharField" | "CIEmailField" | "CITextField" => "citext",
        "IntegerRangeField" => "int4range",
        "BigIntegerRangeField" => "int8range",
        "DecimalRangeField" | "FloatRangeField" => "numrange",
        "DateTimeRangeField" => "tstzrange",
        "DateRangeField" => "daterange",
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn geometry(name: &str) -> Option<String> {
    let is_shape = matches!(
        name,
        "GeometryField"
            | "PointField"
            | "LineStringField"
            | "PolygonField"
            | "MultiPointField"
            | "MultiLineStringField"
            | "MultiPolygonField"
            | "GeometryCollectionField"
    );
    is_shape.then(|| "geometry".to_owned())
}

fn wagtail(name: &str, call: &Call, names: &Names) -> Option<String> {
    match name {
        // `use_json_field` was an option before Wagtail 6.
        "StreamField" => {
            let old = call.named("use_json_field").is_some_and(|value| value.is_name("False"));
            Some(if old { "text" } else { "jsonb" }.to_owned())
        }
        "RichTextField" | "MultipleChoiceField" | "ContentPathField" => Some("text".to_owned()),
        "WagtailImageField" => Some(varying(number(call, names, "max_length"), Some(100))),
        _ => None,
    }
}

/// Fields of packages that Wagtail sites often have.
fn other(class: &str, call: &Call, names: &Names) -> Option<String> {
    let default = match class {
        "phonenumber_field.modelfields.PhoneNumberField" => 128,
        "timezone_field.fields.TimeZoneField" => 63,
        "django_countries.fields.CountryField" => 2,
        "colorfield.fields.ColorField" => 25,
        "django_extensions.db.fields.AutoSlugField" => 50,
        _ => return None,
    };
    Some(varying(number(call, names, "max_length"), Some(default)))
}

fn varying(length: Option<u32>, default: Option<u32>) -> String {
    match length.or(default) {
        Some(length) => format!("character varying({length})"),
        None => "character varying".to_owned(),
    }
}

/// The type of a field inside another one. Only a call that is written there is read: a name could
/// stand for the outer field itself.
fn inner(expression: &Expression, names: &Names) -> Option<String> {
    match &expression.kind {
        Kind::Call(call) => of(&names.qualify(&call.function), call, names),
        _ => None,
    }
}

fn number(call: &Call, names: &Names, name: &str) -> Option<u32> {
    match &names.value(call.named(name)?).kind {
        Kind::Number(number) => number.replace('_', "").parse().ok(),
        _ => None,
    }
}
