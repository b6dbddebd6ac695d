//! Generates databases: a few tables with keys to each other, and rows with text that is hard to
//! escape or that the scanners search for.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Integer,
    Text,
    Varchar(usize),
    Jsonb,
    Boolean,
    Uuid,
    Moment,
}

impl Type {
    pub fn is_text(self) -> bool {
        matches!(self, Type::Text | Type::Varchar(_))
    }

    /// Whether a manifest has to classify a column of this type.
    pub fn is_classified(self) -> bool {
        self.is_text() || self == Type::Jsonb
    }

    fn sql(self) -> String {
        match self {
            Type::Integer => "integer".into(),
            Type::Text => "text".into(),
            Type::Varchar(length) => format!("varchar({length})"),
            Type::Jsonb => "jsonb".into(),
            Type::Boolean => "boolean".into(),
            Type::Uuid => "uuid".into(),
            Type::Moment => "timestamptz".into(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Type,
    pub nullable: bool,
    pub unique: bool,
}

/// A key to the `id` of a table that comes earlier.
#[derive(Debug, Clone)]
pub struct Reference {
    pub table: usize,
    pub nullable: bool,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub reference: Option<Reference>,
    /// SQL literals, one list for each row: the columns, and then the reference.
    pub rows: Vec<Vec<String>>,
}

/// The column that refers to another table.
pub const REFERENCE: &str = "ref_id";

/// Words that are combined to texts. Some of them clash with the results of templates.
pub const WORDS: [&str; 30] = [
    "ann.canary@canary.example",
    "O'Brien@Mail.Example",
    "07700 900123",
    "+44 (0)1632 960 001",
    "QQ 12 34 56 C",
    "ZZ123456C",
    "HP99 1AA",
    "SW1A1AA",
    "user.1",
    "user.2",
    "user.3",
    "x",
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\\",
    "\\N",
    "\\.",
    "\\x41",
    "'",
    "\"",
    "$$",
    "größe",
    "名前🙂",
    "{id}",
    "1",
    "-",
    "keep",
];

/// Texts in conditions.
pub const KNOWN_TEXTS: [&str; 6] = ["keep", "user.1", "", "x", "größe", "\\N"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => select(KNOWN_TEXTS.to_vec()).prop_map(str::to_owned),
        5 => prop::collection::vec(select(WORDS.to_vec()), 0..6).prop_map(|words| words.concat()),
        1 => "[a-z@. 0-9\\\\\\t]{0,12}",
    ]
}

pub fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(|number| Value::from(f64::from(number) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let name = select(vec!["mail", "name", "list", "user", "ü \"x\\", "a@canary.example"]);
        let name = name.prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// `E'…'`: its value never depends on a setting.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value, or NULL. In a unique column the row's number makes it unique.
fn value(column: &Column, row: usize) -> BoxedStrategy<String> {
    let unique = column.unique;
    let value = match column.kind {
        Type::Integer => (-3_i32..6).prop_map(|number| number.to_string()).boxed(),
        Type::Boolean => any::<bool>().prop_map(|value| value.to_string()).boxed(),
        Type::Uuid => (0_u8..4)
            .prop_map(|digit| format!("'6f9619ff-8b86-d011-b42d-00c04fc964f{digit}'"))
            .boxed(),
        Type::Moment => (0_u32..100_000)
            .prop_map(|minutes| format!("'2026-01-01 00:00+00'::timestamptz + '{minutes} min'"))
            .boxed(),
        Type::Jsonb => json().prop_map(|value| literal(&value.to_string())).boxed(),
        Type::Text | Type::Varchar(_) => {
            let length = if let Type::Varchar(length) = column.kind { length } else { 1000 };
            text()
                .prop_map(move |text| {
                    // With one width, in another order than the row numbers.
                    let name = if unique { format!("user.{}", (row + 1) % 12) } else { text };
                    literal(&name.chars().take(length).collect::<String>())
                })
                .boxed()
        }
    };
    or_null(value, column.nullable)
}

fn or_null(value: BoxedStrategy<String>, nullable: bool) -> BoxedStrategy<String> {
    if !nullable {
        return value;
    }
    prop_oneof![4 => value, 1 => Just("NULL".to_owned())].boxed()
}

fn column(number: usize) -> impl Strategy<Value = Column> {
    let kind = prop_oneof![
        1 => Just(Type::Integer),
        3 => Just(Type::Text),
        3 => (6_usize..40).prop_map(Type::Varchar),
        3 => Just(Type::Jsonb),
        1 => Just(Type::Boolean),
        1 => Just(Type::Uuid),
        1 => Just(Type::Moment),
    ];
    let name = prop_oneof![
        4 => Just(format!("c{number}")),
        1 => Just(format!("Odd \"name\" {number}")),
    ];
    (kind, name, prop::bool::weighted(0.6), prop::bool::weighted(0.3)).prop_map(
        |(kind, name, nullable, unique)| {
            let roomy = kind == Type::Text || matches!(kind, Type::Varchar(length) if length >= 16);
            Column { name, kind, nullable, unique: unique && roomy }
        },
    )
}

fn table(number: usize) -> impl Strategy<Value = Table> {
    let columns: Vec<_> = (0..5).map(column).collect();
    let columns = columns.prop_flat_map(|all| subsequence(all, 1..=5));
    let reference = (prop::bool::weighted(0.8), 0..number.max(1), any::<bool>());
    let reference = reference.prop_map(move |(wanted, table, nullable)| {
        (wanted && number > 0).then_some(Reference { table, nullable })
    });
    (columns, reference, 0_usize..11).prop_flat_map(move |(columns, reference, count)| {
        let rows: Vec<Vec<BoxedStrategy<String>>> = (0..count)
            .map(|row| {
                let mut values: Vec<_> = columns.iter().map(|one| value(one, row)).collect();
                if let Some(reference) = &reference {
                    // The rows of the other table are known later.
                    let number = (0_u32..12).prop_map(|number| number.to_string());
                    values.push(or_null(number.boxed(), reference.nullable));
                }
                values
            })
            .collect();
        let name = format!("t{number}");
        rows.prop_map(move |rows| {
            let (name, columns, reference) = (name.clone(), columns.clone(), reference.clone());
            Table { name, columns, reference, rows }
        })
    })
}

/// Two to four tables.
pub fn tables() -> impl Strategy<Value = Vec<Table>> {
    (2_usize..=4).prop_flat_map(|count| (0..count).map(table).collect::<Vec<_>>())
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The SQL that makes the tables and their rows.
pub fn script(tables: &[Table]) -> String {
    let mut sql = String::new();
    let mut counts = Vec::new();
    for table in tables {
        sql.push_str(&format!("CREATE TABLE {} (id integer PRIMARY KEY", table.name));
        for column in &table.columns {
            let null = if column.nullable { "" } else { " NOT NULL" };
            let unique = if column.unique { " UNIQUE" } else { "" };
            let (name, kind) = (quoted(&column.name), column.kind.sql());
            sql.push_str(&format!(", {name} {kind}{null}{unique}"));
        }
        let rows: Vec<&Vec<String>> = match &table.reference {
            Some(reference) => {
                let null = if reference.nullable { "" } else { " NOT NULL" };
                let other = &tables[reference.table].name;
                sql.push_str(&format!(
                    ", {REFERENCE} integer{null} REFERENCES {other} DEFERRABLE INITIALLY DEFERRED"
                ));
                // Without rows there is nothing to refer to.
                let empty = counts[reference.table] == 0;
                let refers = |row: &&Vec<String>| row.last().is_some_and(|last| last != "NULL");
                table.rows.iter().filter(|row| !(empty && refers(row))).collect()
            }
            None => table.rows.iter().collect(),
        };
        sql.push_str(");\n");
        counts.push(rows.len());
        for (number, row) in rows.iter().enumerate() {
            let mut values = (*row).clone();
            if let (Some(reference), Some(last)) = (&table.reference, values.last_mut())
                && let Ok(wanted) = last.parse::<usize>()
            {
                *last = (wanted % counts[reference.table] + 1).to_string();
            }
            let (name, values) = (&table.name, values.join(", "));
            sql.push_str(&format!("INSERT INTO {name} VALUES ({}, {values});\n", number + 1));
        }
    }
    sql
}
