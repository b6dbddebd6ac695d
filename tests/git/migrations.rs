//! Tests the check of migrations on a merged tree, from the repository's files to the branches'
//! names.

use bcops::adapters::git::OnConflict;
use bcops::django_migrations::{self as migrations, SourceFile};

use crate::git::merge::assembly;
use crate::support::git::{Files, World, files};

fn migration(on: &str) -> String {
    format!("class Migration(migrations.Migration):\n    dependencies = [('feedback', '{on}')]\n")
}

fn with(base: &Files, name: &str, on: &str) -> Files {
    let mut files = base.clone();
    let path = format!("bc/feedback/migrations/{name}.py");
    files.insert(path, migration(on).into_bytes());
    files
}

#[tokio::test]
async fn a_clash_that_git_does_not_see_is_found_before_the_push() {
    let world = World::with_clone();
    let first = world.origin_tip("refs/heads/master").expect("master");
    let initial = "class Migration(migrations.Migration):\n    initial = True\n";
    let mut base = files(&[
        ("bc/feedback/migrations/__init__.py", ""),
        ("bc/feedback/migrations/0001_initial.py", initial),
    ]);
    let master = world.commit("master", &[first], &base, 1);
    let a = world.commit("feature/a", &[master], &with(&base, "0002_a", "0001_initial"), 2);
    let b = world.commit("feature/b", &[master], &with(&base, "0002_b", "0001_initial"), 3);
    base.insert("bc/feedback/migrations/0003_link.py@".into(), b"0002_a.py".to_vec());
    let c = world.commit("feature/c", &[master], &base, 4);
    let repository = world.fetched("run").await;

    let check = async |branches: &[(&str, bcops::adapters::git::Oid)]| {
        let assembly = assembly(master, branches, OnConflict::Stop);
        let assembled = repository.assemble(&assembly).await.expect("assembled");
        assert!(assembled.is_complete());
        let found = repository
            .files(assembled.tip, migrations::LONGEST_FILE, migrations::is_wanted)
            .expect("files");
        let sources: Vec<SourceFile> = found
            .into_iter()
            .map(|file| SourceFile { path: file.path, text: file.content.into_bytes() })
            .collect();
        let origins = repository.brought_by(master, assembled.merged()).expect("compared");
        migrations::check(&sources, &origins)
    };
    let report = check(&[("feature/a", a), ("feature/b", b)]).await;
    assert_eq!(
        report.conflicts[0].to_string(),
        "feedback has 2 last migrations: 0002_a (from feature/a), 0002_b (from feature/b)"
    );
    assert!(check(&[("feature/a", a)]).await.is_sound());
    let report = check(&[("feature/a", a), ("feature/c", c)]).await;
    assert_eq!(
        report.unreadable[0].to_string(),
        "bc/feedback/migrations/0003_link.py: it is a link"
    );
}
