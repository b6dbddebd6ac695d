//! Compares merging in memory with a person's merge in a checkout.

use std::path::Path;

use bcops::adapters::git::{
    Assembled, Assembly, Choice, Conflict, ConflictKind, Identity, Oid, OnConflict, Outcome,
    Person, Repository,
};

use crate::support::git::{Files, START, World, files};

/// The identity and the time of commits by `World::git`.
pub fn identity() -> Identity {
    let person = Person {
        name: "Op Erator".into(),
        email: "op@example.test".into(),
        seconds: START + 500_000,
        offset_minutes: 60,
    };
    Identity { author: person.clone(), committer: person }
}

pub fn assembly(base: Oid, branches: &[(&str, Oid)], on_conflict: OnConflict) -> Assembly {
    let choice = |(name, commit): &(&str, Oid)| Choice {
        name: (*name).to_owned(),
        commit: *commit,
        on_origin: true,
    };
    Assembly {
        base,
        base_name: "master".into(),
        into: "staging".into(),
        branches: branches.iter().map(choice).collect(),
        on_conflict,
        identity: identity(),
    }
}

async fn assemble(repository: &Repository, base: Oid, branches: &[(&str, Oid)]) -> Assembled {
    let assembly = assembly(base, branches, OnConflict::Skip);
    repository.assemble(&assembly).await.expect("assembled")
}

/// Follows the runbook in a separate clone.
fn by_hand(world: &World, base: Oid, branches: &[&str]) -> Oid {
    let folder = world.path("by-hand");
    std::fs::remove_dir_all(&folder).ok();
    let origin = world.origin().display().to_string();
    world.git(&world.path(""), &["clone", "-q", &origin, "by-hand"]);
    world.git(&folder, &["checkout", "-q", "-B", "staging", &base.to_string()]);
    for branch in branches {
        world.git(&folder, &["merge", "-q", "--no-ff", "--no-edit", &format!("origin/{branch}")]);
    }
    head(world, &folder)
}

fn head(world: &World, folder: &Path) -> Oid {
    Oid::from_str(&world.git(folder, &["rev-parse", "HEAD"])).expect("an id")
}

fn first(world: &World) -> Oid {
    world.origin_tip("refs/heads/master").expect("master")
}

fn lines(changes: &[(usize, &str)]) -> String {
    let line = |number| {
        let change = changes.iter().find(|(at, _)| *at == number);
        change.map_or_else(|| format!("line {number}\n"), |(_, text)| format!("{text}\n"))
    };
    (0..20).map(line).collect()
}

#[tokio::test]
async fn merges_equal_the_commits_of_git() {
    let world = World::with_clone();
    let base = world.commit("master", &[first(&world)], &files(&[("a", &lines(&[]))]), 1);
    let with = |changes, extra| files(&[("a", &lines(changes)), extra]);
    let x = world.commit("feature/x", &[base], &with(&[(1, "x")], ("x", "x")), 2);
    // A branch that would fast-forward, one that edits the same file elsewhere, and one that is
    // already merged.
    let y = world.commit("fix/it's", &[base], &with(&[(18, "y")], ("y", "y")), 3);
    world.commit("old", &[], &files(&[]), 0);
    world.point("old", Some(base));
    let repository = world.fetched("run").await;
    let branches = [("feature/x", x), ("old", base), ("fix/it's", y)];
    let assembled = assemble(&repository, base, &branches).await;
    assert!(assembled.is_complete());
    assert_eq!(assembled.outcomes[1].outcome, Outcome::AlreadyThere);
    let merged: Vec<&str> = assembled.merged().map(|choice| choice.name.as_str()).collect();
    assert_eq!(merged, ["feature/x", "fix/it's"]);
    assert_eq!(assembled.tip, by_hand(&world, base, &["feature/x", "old", "fix/it's"]));

    // A deleted branch is merged by its commit.
    let folder = world.path("by-hand");
    world.git(&folder, &["reset", "-q", "--hard", &base.to_string()]);
    world.git(&folder, &["merge", "-q", "--no-ff", "--no-edit", &x.to_string()]);
    let mut assembly = assembly(base, &[("gone", x)], OnConflict::Skip);
    assembly.branches[0].on_origin = false;
    let assembled = repository.assemble(&assembly).await.expect("assembled");
    assert_eq!(assembled.tip, head(&world, &folder));
}

/// Merges two changes of one tree, ours named `a` and theirs named `b`.
async fn clash(before: &Files, ours: &Files, theirs: &Files) -> Vec<Conflict> {
    let world = World::with_clone();
    let base = world.commit("master", &[first(&world)], before, 1);
    let a = world.commit("a", &[base], ours, 2);
    let b = world.commit("b", &[base], theirs, 3);
    let c = world.commit(
        "c",
        &[base],
        &{
            let mut files = before.clone();
            files.insert("c".into(), b"c".to_vec());
            files
        },
        4,
    );
    let repository = world.fetched("run").await;
    let branches = [("a", a), ("b", b), ("c", c)];
    let skipped = assemble(&repository, base, &branches).await;
    assert!(matches!(skipped.outcomes[2].outcome, Outcome::Merged { .. }), "the rest goes on");
    let stopped = assembly(base, &branches, OnConflict::Stop);
    let stopped = repository.assemble(&stopped).await.expect("assembled");
    assert_eq!(stopped.outcomes[2].outcome, Outcome::NotTried);
    assert_eq!(stopped.outcomes[1], skipped.outcomes[1]);
    match &skipped.outcomes[1].outcome {
        Outcome::Conflicts(conflicts) => conflicts.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn conflicts_name_the_file_the_kind_and_both_branches() {
    let text = lines(&[]);
    let before = files(&[("f", &text), ("other", "o")]);
    let changed = |word| files(&[("f", &lines(&[(5, word)])), ("other", "o")]);
    let gone = files(&[("other", "o")]);
    let found = clash(&before, &changed("x"), &changed("y")).await;
    let expected = "f: both changed the same lines (a and b)";
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);

    let kinds = async |before: &Files, ours: &Files, theirs: &Files| {
        let found = clash(before, ours, theirs).await;
        found.into_iter().map(|found| (found.path, found.kind)).collect::<Vec<_>>()
    };
    let f = |kind| [("f".to_owned(), kind)];
    assert_eq!(kinds(&before, &gone, &changed("y")).await, f(ConflictKind::DeletedByUs));
    assert_eq!(kinds(&before, &changed("y"), &gone).await, f(ConflictKind::DeletedByThem));

    let added = |word| files(&[("f", &text), ("other", "o"), ("new", word)]);
    let found = kinds(&before, &added("1\n"), &added("2\n")).await;
    assert_eq!(found, [("new".to_owned(), ConflictKind::BothAdded)]);

    let renamed = |name| files(&[(name, &text), ("other", "o")]);
    let found = kinds(&before, &renamed("g"), &renamed("h")).await;
    assert!(found.iter().any(|(_, kind)| *kind == ConflictKind::Rename), "{found:?}");

    let binary = |byte: u8| Files::from([("f".to_owned(), vec![0, 1, byte, 0])]);
    let found = kinds(&binary(1), &binary(2), &binary(3)).await;
    assert!(matches!(found[0].1, ConflictKind::Binary | ConflictKind::Content), "{found:?}");

    let folder = files(&[("f", &text), ("other", "o"), ("new/x", "x")]);
    let found = kinds(&before, &folder, &added("2\n")).await;
    assert!(found.iter().any(|(_, kind)| *kind == ConflictKind::FileAndFolder), "{found:?}");
}

#[tokio::test]
async fn histories_without_a_common_commit_are_not_merged() {
    let world = World::with_clone();
    let base = first(&world);
    let stranger = world.commit("stranger", &[], &files(&[("s", "s")]), 1);
    let repository = world.fetched("run").await;
    let assembled = assemble(&repository, base, &[("stranger", stranger)]).await;
    let Outcome::Conflicts(conflicts) = &assembled.outcomes[0].outcome else { panic!() };
    assert_eq!(conflicts[0].kind, ConflictKind::UnrelatedHistories);
    assert_eq!(assembled.tip, base);
}

#[tokio::test]
async fn merge_drivers_come_from_the_branch_and_not_from_the_checkout() {
    let world = World::with_clone();
    let attributes = |text: &str| files(&[("log/.gitattributes", text), ("log/f", "1\n")]);
    let base = world.commit("master", &[first(&world)], &attributes("f merge=union\n"), 1);
    let with = |line: &str| {
        files(&[("log/.gitattributes", "f merge=union\n"), ("log/f", &format!("1\n{line}\n"))])
    };
    let a = world.commit("a", &[base], &with("a"), 2);
    let b = world.commit("b", &[base], &with("b"), 3);
    // The operator is at a commit without these attributes.
    assert!(!world.clone().join("log").exists());
    let repository = world.fetched("run").await;
    let assembled = assemble(&repository, base, &[("a", a), ("b", b)]).await;
    assert!(assembled.is_complete(), "{assembled:?}");
    assert_eq!(assembled.tip, by_hand(&world, base, &["a", "b"]));
}

#[tokio::test]
async fn criss_cross_merges_and_renames_match_a_merge_by_hand() {
    let world = World::with_clone();
    let at = |name: &str, changes: &[(usize, &str)]| files(&[(name, &lines(changes))]);
    let base = world.commit("master", &[first(&world)], &at("f", &[]), 1);
    let left = world.commit("left", &[base], &at("f", &[(2, "left")]), 2);
    let right = world.commit("right", &[base], &at("f", &[(12, "right")]), 3);
    let both = at("f", &[(2, "left"), (12, "right")]);
    let left_both = world.commit("left", &[left, right], &both, 4);
    let right_both = world.commit("right", &[right, left], &both, 5);
    let ours = at("f", &[(2, "left"), (12, "right"), (7, "more")]);
    let ours = world.commit("left", &[left_both], &ours, 6);
    let theirs = at("g", &[(2, "left"), (12, "right"), (18, "other")]);
    world.commit("right", &[right_both], &theirs, 7);
    let right = world.origin_tip("refs/heads/right").expect("right");
    let repository = world.fetched("run").await;
    let assembled = assemble(&repository, ours, &[("right", right)]).await;
    assert!(assembled.is_complete(), "{assembled:?}");
    assert_eq!(assembled.tip, by_hand(&world, ours, &["right"]));
}
