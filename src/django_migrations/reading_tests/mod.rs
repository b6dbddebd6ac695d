//! Tests the tables that are computed from a small site, form by form.

use std::collections::BTreeSet;

use super::*;

mod forms;
mod gaps;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: Ok(text.as_bytes().to_vec()) }
}

/// Migrations of one app in their order. Each depends on the one before.
fn app(label: &str, migrations: &[&str]) -> Vec<SourceFile> {
    let mut files = vec![file(&format!("bc/{label}/migrations/__init__.py"), "")];
    for (place, operations) in migrations.iter().enumerate() {
        let before = match place {
            0 => String::new(),
            _ => format!("('{label}', '{place:04}_x')"),
        };
        let text = format!(
            "import django.db.models.deletion\nimport custom.fields\nimport wagtail.fields\n\
             from django.conf import settings\nfrom django.db import migrations, models\n\
             from modelcluster.fields import ParentalKey\n\n\n\
             class Migration(migrations.Migration):\n    dependencies = [{before}]\n    \
             operations = [{operations}\n    ]\n"
        );
        files.push(file(&format!("bc/{label}/migrations/{:04}_x.py", place + 1), &text));
    }
    files
}

fn read_all(apps: &[Vec<SourceFile>]) -> Tables {
    read(&apps.concat(), &BTreeSet::new())
}

/// `table: column type, …`, with a question mark after a column that can be NULL.
fn written(tables: &Tables) -> Vec<String> {
    let columns = |state: &TableState| {
        let columns = state.columns.iter().map(|column| {
            let Shape { name, type_name, not_null, .. } = &column.shape;
            format!("{name} {type_name}{}", if *not_null { "" } else { "?" })
        });
        columns.collect::<Vec<_>>().join(", ")
    };
    tables.tables.iter().map(|(name, state)| format!("{name}: {}", columns(state))).collect()
}

fn unread(tables: &Tables) -> Vec<String> {
    let places = tables.unread.iter().map(|one| {
        let row = one.row.map(|row| format!(":{row}")).unwrap_or_default();
        format!("{}{row}: {}", one.path, one.reason)
    });
    places.collect()
}

#[track_caller]
fn expect(apps: &[Vec<SourceFile>], tables: &[&str]) {
    let found = read_all(apps);
    assert_eq!(unread(&found), Vec::<String>::new());
    assert_eq!(written(&found), tables);
}

const ID: &str = "('id', models.BigAutoField(primary_key=True, serialize=False)),";

fn model(name: &str, fields: &str, options: &str) -> String {
    format!("migrations.CreateModel(name='{name}', fields=[{ID}{fields}], {options}),")
}
