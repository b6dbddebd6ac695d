//! Tests `bcops manifest check` on a small site, and that both spellings of the manifest's tools do
//! the same.

use std::fs;

use crate::command::Bcops;

const SITE: &str = "inherit = false\n[environments.live]\napp = \"live\"\nprotected = true\n\
                    [scrub]\nmanifest = \"scrub.toml\"\n";

const MANIFEST: &str = "schema_version = 1
policies = [\"local\", \"staging\"]
[tables.users_user]
class = \"personal\"
personal = [\"id\", \"email\"]
[tables.users_user.policy.any]
delete = true
[tables.news_page]
class = \"content\"
content = [\"title\"]
";

const USERS: &str = "from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.AutoField(primary_key=True)),
                ('email', models.EmailField()),
            ],
        ),
    ]
";

const NEWS: &str = "from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name='Page',
            fields=[
                ('id', models.AutoField(primary_key=True)),
                ('title', models.CharField(max_length=255)),
                ('live', models.BooleanField()),
                ('owner', models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)),
            ],
        ),
    ]
";

/// A checkout whose manifest has a class for everything.
fn site() -> Bcops {
    let bcops = Bcops::new();
    let work = bcops.directory().join("work");
    for (path, text) in [
        ("bc/settings/base.py", "AUTH_USER_MODEL = 'users.User'\n"),
        ("bc/users/migrations/__init__.py", ""),
        ("bc/users/migrations/0001_initial.py", USERS),
        ("bc/news/migrations/__init__.py", ""),
        ("bc/news/migrations/0001_initial.py", NEWS),
    ] {
        let path = work.join(path);
        fs::create_dir_all(path.parent().unwrap()).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    bcops.write("bcops.toml", SITE);
    bcops.write("scrub.toml", MANIFEST);
    bcops
}

/// Adds a second migration to `news`.
fn add(bcops: &Bcops, operations: &str) {
    let text = format!(
        "from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n    \
         dependencies = [('news', '0001_initial')]\n    operations = [\n        {operations}\n    ]\n"
    );
    let path = bcops.directory().join("work/bc/news/migrations/0002_more.py");
    fs::write(path, text).expect("a file");
}

const FIELDS: &str = "migrations.AddField('page', 'author_email', models.EmailField(null=True)),
        migrations.AddField('page', 'views', models.IntegerField(default=0)),
        migrations.CreateModel(name='Comment', fields=[
            ('id', models.AutoField(primary_key=True)),
            ('text', models.TextField()),
            ('page', models.ForeignKey('news.page', models.CASCADE)),
        ]),";

#[test]
fn a_site_whose_fields_all_have_a_class_passes() {
    let bcops = site();
    let run = bcops.run(&["manifest", "check"]).exits(0);
    let expected = "the manifest has a class for everything in the 2 tables of 2 apps";
    assert_eq!(run.stdout.trim_end(), expected);
    let document = bcops.run(&["manifest", "check", "--json"]).exits(0).json();
    let result = &document["result"];
    assert_eq!(document["status"], "ok");
    assert_eq!((&result["valid"], &result["migrations"]), (&true.into(), &2.into()));
    assert_eq!(result["apps"], serde_json::json!(["news", "users"]));
    assert_eq!(result["manifest"], "");
}

#[test]
fn a_new_field_and_a_new_model_are_reported_with_their_lines() {
    let bcops = site();
    add(&bcops, FIELDS);
    let run = bcops.run(&["manifest", "check"]).exits(9);
    let path = "bc/news/migrations/0002_more.py";
    for line in [
        &format!("{path}:8: the table news_comment (3 columns) has no class"),
        &format!(
            "{path}:6: the column news_page.author_email (character varying(254)) has no class"
        ),
        "# Add these entries to the manifest. The classes are guesses: check each.",
        "[tables.news_comment]",
        "the manifest lacks classes for 2 tables (checked 3 tables of 2 apps)",
    ] {
        assert!(run.stdout.contains(line), "{line}: {}", run.printed());
    }
    // A number whose name suggests no person needs no class.
    assert!(!run.stdout.contains("views"), "{}", run.printed());

    let document = bcops.run(&["manifest", "check", "--json"]).exits(9).json();
    let found = &document["result"]["unclassified"];
    assert_eq!(found[0]["table"], "news_comment");
    assert_eq!((&found[0]["is_new"], &found[1]["is_new"]), (&true.into(), &false.into()));
    let column = &found[1]["columns"][0];
    assert_eq!((&column["column"], &column["guess"]), (&"author_email".into(), &"personal".into()));
    assert_eq!((&column["path"], &column["line"]), (&path.into(), &6.into()));

    // The lines are enough: an entry that replaces another one takes its place.
    let lines = document["result"]["manifest"].as_str().expect("TOML");
    let (kept, _) = MANIFEST.split_once("[tables.news_page]").expect("the last entry");
    bcops.write("scrub.toml", &format!("{kept}{lines}"));
    bcops.run(&["manifest", "check"]).exits(0);
}

#[test]
fn what_cannot_be_read_fails_until_a_person_has_read_it() {
    let bcops = site();
    add(&bcops, "migrations.RunSQL('DO $$ BEGIN make_tables(); END $$'),");
    let path = "bc/news/migrations/0002_more.py";
    let run = bcops.run(&["manifest", "check"]).exits(9);
    for text in [
        &format!("{path}:6: cannot be read: RunSQL: cannot follow `DO … …`"),
        &format!("  --reviewed {path}"),
        "bcops cannot read 1 place (checked 2 tables of 2 apps)",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.printed());
    }
    let reviewed = bcops.run(&["manifest", "check", "--reviewed", path, "--json"]).exits(0).json();
    assert_eq!(reviewed["result"]["reviewed"][0]["path"], path);
    assert_eq!(reviewed["result"]["unread"], serde_json::json!([]));
    bcops
        .run(&["manifest", "check", "--reviewed", "bc/news/migrations/0003_other.py"])
        .fails(2, &["cannot take bc/news/migrations/0003_other.py as reviewed"]);
    bcops.run(&["manifest", "check", "--skip-app", "news"]).exits(0);
    bcops
        .run(&["manifest", "check", "--skip-app", "newz"])
        .fails(2, &["cannot skip the app newz", "did you mean news?"]);
}

#[test]
fn a_report_has_a_case_for_each_table_and_each_gap() {
    let bcops = site();
    add(&bcops, &format!("{FIELDS} migrations.RunSQL('CALL make()'),"));
    bcops.run(&["manifest", "check", "--junit", "report.xml"]).exits(9);
    let report = fs::read_to_string(bcops.directory().join("work/report.xml")).expect("a report");
    for text in [
        "tests=\"4\" failures=\"3\"",
        "<testcase name=\"users_user\" classname=\"table\"/>",
        "<testcase name=\"news_page\" classname=\"table\"><failure message=\"bc/news/migrations/0002_more.py:6",
        "<testcase name=\"bc/news/migrations/0002_more.py\" classname=\"migration\"><failure",
    ] {
        assert!(report.contains(text), "{text}: {report}");
    }
}

#[test]
fn a_folder_without_migrations_is_refused() {
    let bcops = site();
    let cases: [(&str, &str); 3] = [
        ("bc/settings", "bc/settings has no migrations of Django"),
        ("nowhere", "cannot read the migrations of nowhere: it is not a folder"),
        ("scrub.toml", "cannot read the migrations of scrub.toml: it is not a folder"),
    ];
    for (path, text) in cases {
        bcops.run(&["manifest", "check", path]).fails(2, &[text, "bcops manifest check"]);
    }
}

#[test]
fn both_spellings_of_the_tools_do_the_same() {
    let bcops = site();
    let new = bcops.run(&["manifest", "explain", "users_user", "--json"]).exits(0).json();
    let old = ["scrub-pii", "--manifest", "explain", "users_user", "--json"];
    assert_eq!(new["result"], bcops.run(&old).exits(0).json()["result"]);
    for tool in ["validate", "suggest"] {
        let new = bcops.run(&["manifest", tool, "--file", "missing.dump"]);
        assert!(new.stderr.contains("missing.dump"), "{}", new.printed());
        let old = ["scrub-pii", "--manifest", tool, "--file", "missing.dump"];
        assert_eq!(new.printed(), bcops.run(&old).printed());
    }
}
