//! Tests runs, journals and locks on a real disk.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::holder;
use super::lock_file::LockFile;
use super::steps::{Work, book};
use super::world::{Shared, block_on, environment, run_id, target};
use crate::runbook::engine::{Beginning, Engine, Setup};
use crate::runbook::{
    Flags, Holder, Interrupt, JournalError, LockError, Operator, Redactor, RunId, RunLock,
    RunState, Runbook, Runs, StoreError, journal::Journal,
};

fn setup(shared: &Shared, runbook: Runbook<()>, lock: LockFile) -> Setup<()> {
    Setup {
        runbook,
        lock: Arc::new(lock),
        guard: Arc::new(shared.clone()),
        interrupt: Interrupt::never(),
        reporter: Arc::new(shared.clone()),
        redactor: Arc::new(Redactor::new()),
        operator: Operator::of_this_process("ada"),
        environment: environment(),
        expected: None,
        consumers: Vec::new(),
    }
}

#[test]
fn a_run_is_kept_found_and_resumed_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, shared) = (Runs::in_state_folder(folder.path()), Shared::default());
    let lock = LockFile::new(folder.path().join("locks/staging.json"));
    let make = || setup(&shared, book(&shared, &[Work::Set], &[], &[]), lock.clone());
    shared.get().fails_before.insert("i0".into(), 1);
    let beginning = Beginning { command: "reset".into(), target: target(), ..Default::default() };
    let engine = Engine::begin(make(), &runs, beginning.clone()).unwrap();
    let id = engine.id().clone();
    assert_eq!(runs.summary(id.clone()).state, RunState::Running);
    let busy = Engine::reopen(make(), &runs, id.clone(), &target(), Flags::new());
    assert!(busy.is_err());
    block_on(engine.run()).unwrap_err();
    assert!(matches!(runs.summary(id.clone()).state, RunState::Failed { .. }));
    let path = runs.path(&id).join("journal.jsonl");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);

    let second = Engine::begin(make(), &runs, beginning.clone()).unwrap();
    let second_id = second.id().clone();
    let error = crate::failure::CommandError::from(block_on(second.run()).unwrap_err());
    assert_eq!(error.kind.exit_code(), 7);
    assert!(error.to_string().contains("ada on "), "{error}");
    // The run has done nothing, so its folder is removed.
    assert!(!runs.path(&second_id).exists());

    let mut other = target();
    other.identity.insert("app id".into(), "0002".into());
    let refused = Engine::reopen(make(), &runs, id.clone(), &other, Flags::new()).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "the run belongs to another target: app id was 0001 and is 0002"
    );
    let engine = Engine::reopen(make(), &runs, id.clone(), &target(), Flags::new()).unwrap();
    block_on(engine.run()).unwrap();
    assert_eq!(runs.summary(id.clone()).state, RunState::Done { warnings: false });
    assert_eq!(runs.find(id.as_str()).unwrap(), id);
    assert_eq!(runs.find("r2").unwrap(), id);
    assert!(matches!(runs.find("x"), Err(StoreError::Unknown { .. })));
    assert!(block_on(lock.holder()).unwrap().is_none());

    let third = Engine::begin(make(), &runs, beginning).unwrap();
    let third_id = third.id().clone();
    block_on(third.run()).unwrap();
    assert!(matches!(runs.find("r2"), Err(StoreError::Ambiguous { .. })));
    let listed: Vec<RunId> = runs.list().unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&third_id));
}

#[test]
fn a_dead_holders_lock_is_broken_by_its_name_alone() {
    let folder = tempfile::tempdir().unwrap();
    let lock = LockFile::new(folder.path().join("lock.json"));
    let holder = holder();
    let other = RunId::parse("r20261122-201531-0000").unwrap();
    block_on(async {
        lock.acquire(&holder).await.unwrap();
        let stranger = Holder { run: other.clone(), ..holder.clone() };
        assert!(matches!(lock.acquire(&stranger).await, Err(LockError::Held { .. })));
        assert!(matches!(lock.break_of(&other).await, Err(LockError::Held { .. })));
        lock.release(&other).await.unwrap();
        assert_eq!(lock.holder().await.unwrap(), Some(holder.clone()));
        assert_eq!(lock.break_of(&run_id()).await.unwrap(), holder);
        assert!(matches!(lock.break_of(&run_id()).await, Err(LockError::NotThere { .. })));
        assert!(matches!(lock.refresh(&holder).await, Err(LockError::Lost { .. })));
    });
}

#[test]
fn a_journal_of_another_version_or_with_a_line_missing_is_refused() {
    let line = |version: u32, sequence: u32| {
        format!(
            r#"{{"schema_version":{version},"sequence":{sequence},"at":"2026-11-22T20:00:00Z","event":"of_tomorrow","x":1}}"#
        ) + "\n"
    };
    assert_eq!(Journal::parse(line(1, 1).as_bytes()).unwrap().records().len(), 1);
    let newer = Journal::parse(line(2, 1).as_bytes());
    assert!(matches!(newer, Err(JournalError::Version { found: 2 })));
    let gap = Journal::parse((line(1, 1) + &line(1, 3)).as_bytes());
    assert!(matches!(gap, Err(JournalError::Gap { .. })));
    let damaged = Journal::parse(("{}\n".to_owned() + &line(1, 2)).as_bytes());
    assert!(matches!(damaged, Err(JournalError::Damaged { line: 1, .. })));
}
