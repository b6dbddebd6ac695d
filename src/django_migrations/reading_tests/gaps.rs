//! Tests that everything else is named, and that no text stops the reader.

use proptest::prelude::*;

use super::*;

/// Each operation alone, and why it cannot be read.
#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    for (operation, reason) in [
        ("*others", "an operation is not a call of a class"),
        (
            "migrations.AddField('a', 'b', **more)",
            "AddField has arguments that are not written there",
        ),
        ("CopyTable('a')", "CopyTable is not an operation of Django"),
        ("migrations.CreateModel(NAME + 'x', [])", "CreateModel has an argument that is not plain"),
        ("migrations.CreateModel('B', fields())", "CreateModel has an argument that is not plain"),
        ("migrations.RunSQL(open('x').read())", "RunSQL: its SQL is not plain text"),
        ("migrations.RunSQL(f'CREATE TABLE {x}')", "RunSQL: its SQL is not plain text"),
        ("migrations.RunSQL('CALL make()')", "RunSQL: cannot follow `CALL MAKE ( ) …`"),
        (
            "migrations.RunSQL('ALTER TABLE other ADD x text')",
            "no migration before creates the table other",
        ),
        ("migrations.RunPython(custom.fields.make)", "RunPython: its function is not in this file"),
        (
            "migrations.AddField('b', 'c', models.TextField())",
            "no migration before creates the model x.b",
        ),
        ("migrations.RemoveField('a', 'c')", "no migration before creates the field x.a.c"),
        ("migrations.AddField('a', 'c', FIELD)", "the field is not a call of a class"),
        (
            "migrations.AddField('a', 'c', custom.fields.Many(to='x.A'))",
            "custom.fields.Many is not known, and points to another model",
        ),
        (
            "migrations.AddField('a', 'c', models.ManyToManyField(to=settings.OTHER))",
            "the model that c points to is not known",
        ),
    ] {
        let found = read_all(&[app("x", &[&model("A", "", ""), operation])]);
        assert_eq!(unread(&found), [format!("bc/x/migrations/0002_x.py:11: {reason}")]);
    }
}

#[test]
fn operations_that_are_not_one_list_are_named() {
    for (body, row, reason) in [
        ("operations = [] + more", 3, "the operations are not a plain list"),
        (
            "operations = []\n    operations += more",
            4,
            "`operations` is set in a way that cannot be followed",
        ),
        (
            "operations = []\n    operations.append(x)",
            4,
            "`operations` is set in a way that cannot be followed",
        ),
        (
            "if x:\n        operations = []",
            4,
            "`operations` depends on a condition, or is set twice",
        ),
        (
            "for x in y:\n        operations = [x]",
            4,
            "`operations` depends on a condition, or is set twice",
        ),
        (
            "operations = [migrations.DeleteModel(x) for x in y]",
            3,
            "an operation is not a call of a class",
        ),
        (
            "def apply(self, state, editor):\n        pass",
            3,
            "the migration has its own way to apply itself",
        ),
    ] {
        let text = format!(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    {body}\n"
        );
        let files =
            vec![file("x/migrations/__init__.py", ""), file("x/migrations/0001_x.py", &text)];
        let expected = format!("x/migrations/0001_x.py:{row}: {reason}");
        assert_eq!(unread(&read_all(&[files])), [expected], "{body}");
    }
}

#[test]
fn functions_that_only_change_rows_pass() {
    for (body, reason) in [
        ("apps.get_model('x', 'A').objects.update(a=1)", None),
        ("if schema_editor.connection.alias == 'x':\n        return", None),
        ("schema_editor.execute('UPDATE x_a SET one = 1')", None),
        ("schema_editor.execute('DROP TABLE x')", None),
        ("cursor.execute(\"SELECT id FROM x\")", None),
        ("call_command('loaddata', 'x.json')", None),
        ("schema_editor.create_model(A)", Some("line 4 changes the schema itself")),
        (
            "schema_editor.execute('CREATE TABLE x (a text)')",
            Some("line 4 has SQL that changes tables"),
        ),
        ("cursor.execute('SELECT * INTO x FROM y')", Some("line 4 has SQL that changes tables")),
        ("cursor.execute(f'UPDATE {x}')", Some("the SQL of line 4 is not plain text")),
        ("run(\"\"\"ALTER TABLE x\n ADD a text\"\"\")", Some("line 4 has SQL that changes tables")),
        ("call_command('createcachetable')", Some("line 4 runs a command of manage.py")),
    ] {
        let text = format!(
            "from django.db import migrations\n\ndef forwards(apps, schema_editor):\n    {body}\n\n\
             class Migration(migrations.Migration):\n    operations = [migrations.RunPython(forwards)]\n"
        );
        let files =
            vec![file("x/migrations/__init__.py", ""), file("x/migrations/0001_x.py", &text)];
        let found = read_all(&[files]).unread;
        let expected = reason.map(|reason| format!("RunPython: {reason}"));
        assert_eq!(found.first().map(|one| one.reason.clone()), expected, "{body}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_skipped_apps_are_not_read() {
    let mut files = app("x", &[&model("A", "", "")]);
    files.push(file("bc/x/migrations/0002_bad.py", "class Migration(\n"));
    files.push(file("bc/settings.py", "MIGRATION_MODULES = {'y': 'elsewhere'}\n"));
    let found = read_all(&[files.clone()]);
    assert_eq!(
        unread(&found),
        [
            "bc/settings.py:1: MIGRATION_MODULES moves migrations to other folders",
            "bc/x/migrations/0002_bad.py: a `(` is never closed",
        ]
    );
    assert_eq!(written(&found), ["x_a: id bigint"]);
    let found = read(&files, &BTreeSet::from(["x".to_owned()]));
    assert_eq!((found.tables.len(), found.migrations, found.unread.len()), (0, 0, 1));
}

#[test]
fn a_conflict_is_not_taken_for_one_end() {
    let mut files = app("x", &[&model("A", "", ""), "migrations.RemoveField('a', 'id'),"]);
    files.push(file(
        "bc/x/migrations/0002_y.py",
        "from django.db import migrations\nclass Migration(migrations.Migration):\n    \
         dependencies = [('x', '0001_x')]\n",
    ));
    let found = unread(&read_all(&[files]));
    assert_eq!(found, ["bc/x/migrations/0002_x.py: x has 2 last migrations: 0002_x, 0002_y"]);
}

#[test]
fn deep_and_circular_expressions_end() {
    for expression in [
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{}1{}", "f(".repeat(100_000), ")".repeat(100_000)),
        format!("{}1{}", "{1: ".repeat(100_000), "}".repeat(100_000)),
        "not ".repeat(100_000) + "x",
        "-".repeat(100_000) + "1",
        "lambda: ".repeat(100_000) + "1",
    ] {
        let operation = format!("migrations.AddField('a', 'b', {expression}),");
        let found = read_all(&[app("x", &[&model("A", "", ""), &operation])]);
        assert_eq!(found.migrations, 2);
    }
    let mut files = app("x", &["migrations.AddField('a', 'b', A),"]);
    files.push(file(
        "bc/y/migrations/0001_y.py",
        "from django.contrib.postgres.fields import ArrayField\nfrom django.db import migrations\n\
         A = ArrayField(A)\nB = [B]\nclass Migration(migrations.Migration):\n    \
         operations = [migrations.CreateModel('T', [('a', A)]), B]\n",
    ));
    files.push(file("bc/y/migrations/__init__.py", ""));
    let found = read_all(&[files]);
    assert!(found.tables.contains_key("y_t"), "{:?}", written(&found));
    // Models whose keys and parents are each other.
    let circle = "migrations.CreateModel('A', [('id', models.OneToOneField('b', models.CASCADE, \
                  primary_key=True))], {'proxy': True}, ('x.b',)), migrations.CreateModel('B', [('id', \
                  models.OneToOneField('a', models.CASCADE, primary_key=True))], {}, ('x.a',)),";
    assert_eq!(read_all(&[app("x", &[circle])]).tables.len(), 1);
}

proptest! {
    #![proptest_config(crate::property_test::config(256))]

    /// Any text is read to its end, whatever it is.
    #[test]
    fn no_text_stops_the_reader(text in "[\\[\\](){},:=.*'\"a-c\\n ]{0,80}") {
        let operations = format!("migrations.AddField('a', {text}),");
        let found = read_all(&[app("x", &[&model("A", "", ""), &operations])]);
        prop_assert!(found.tables.len() <= 1);
        let _ = crate::django_migrations::sql::read(&text);
    }
}
