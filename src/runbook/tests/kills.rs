//! Tests that a run killed at any moment resumes and ends in the same state, and requests nothing
//! twice.

use proptest::prelude::*;
use proptest::sample::Index;

use super::steps::{Work, book};
use super::world::{Shared, World, journal, roll_back, run, run_to_end};
use crate::runbook::{Runbook, journal::Journal};

fn any_work() -> impl Strategy<Value = Work> {
    prop::sample::select(vec![
        Work::Set,
        Work::Blind,
        Work::Post,
        Work::Warn,
        Work::Skip,
        Work::Count,
        Work::UseCount,
    ])
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    prop::collection::vec(any_work(), 0..4)
}

/// What has to be the same in the end: everything except the order of the jobs.
fn essence(world: &World) -> (Vec<(String, String)>, Vec<String>, bool) {
    let settings = world.settings.clone().into_iter().collect();
    let mut jobs = world.jobs.clone();
    jobs.sort();
    (settings, jobs, world.lock.is_some())
}

fn check_moment(
    shared: &Shared,
    moment: &super::world::Moment,
    make: &dyn Fn(&Shared) -> Runbook<()>,
    expected: &World,
) -> Shared {
    let killed = shared.killed_at(moment);
    run_to_end(&killed, make);
    let simulation = killed.get();
    assert_eq!(essence(&simulation.world), essence(expected), "killed at {moment:?}");
    assert_eq!(simulation.violations, [""; 0]);
    drop(simulation);
    killed
}

fn check_moments(make: &dyn Fn(&Shared) -> Runbook<()>, jobs: &[&str], at_ends_only: bool) {
    let shared = Shared::default();
    shared.change(|_| {});
    run(&shared, make(&shared)).unwrap();
    let expected = shared.get().world.clone();
    assert_eq!(expected.jobs, jobs);
    let bytes = shared.get().journal.clone();
    for moment in shared.moments(0) {
        let is_end = moment.length.checked_sub(1).is_none_or(|last| bytes[last] == b'\n');
        if is_end || !at_ends_only {
            check_moment(&shared, &moment, make, &expected);
        }
    }
}

#[test]
fn a_run_killed_at_any_byte_ends_in_the_same_place() {
    use Work::*;
    check_moments(&|shared| book(shared, &[Post], &[Blind], &[]), &["b1"], false);
}

#[test]
fn a_longer_run_killed_between_any_two_effects_ends_in_the_same_place() {
    use Work::*;
    let make = |shared: &Shared| {
        book(shared, &[Post, Count, UseCount], &[Blind, Post, Skip], &[Warn, Set])
    };
    check_moments(&make, &["b1", "i2"], true);
}

#[test]
fn a_cut_off_line_is_not_part_of_the_journal() {
    let shared = Shared::default();
    shared.change(|_| {});
    run(&shared, book(&shared, &[Work::Set], &[], &[])).unwrap();
    let bytes = shared.get().journal.clone();
    for length in 0..=bytes.len() {
        let whole = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(Journal::parse(&bytes[..length]).unwrap().records().len(), whole);
    }
}

proptest! {
    #![proptest_config(crate::property_test::config(48))]

    #[test]
    fn random_runs_with_failures_interrupts_and_kills_end_in_the_same_place(
        (before, inside, after) in (works(), works(), works()),
        troubles in prop::collection::vec((any::<Index>(), 0..3), 0..5),
        kills in prop::collection::vec((any::<Index>(), any::<bool>()), 1..8),
    ) {
        let make = |shared: &Shared| book(shared, &before, &inside, &after);
        let calm = Shared::default();
        calm.change(|_| {});
        run(&calm, make(&calm)).unwrap();
        let expected = calm.get().world.clone();

        let mut shared = Shared::default();
        shared.change(|_| {});
        let ids: Vec<&str> = make(&shared).steps().iter().map(|step| step.id).collect();
        for (index, kind) in troubles {
            let id = (*index.get(&ids)).to_owned();
            let mut simulation = shared.get();
            *match kind {
                0 => simulation.fails_before.entry(id).or_default(),
                1 => simulation.fails_after.entry(id).or_default(),
                _ => simulation.interrupts.entry(id).or_default(),
            } += 1;
        }
        run_to_end(&shared, &make);
        prop_assert_eq!(essence(&shared.get().world), essence(&expected));
        prop_assert_eq!(&shared.get().violations, &Vec::<String>::new());

        // The run is killed repeatedly, each time at a later moment, and sometimes the quarantine
        // lapses in between.
        let mut since = 0;
        for (index, lapse) in kills {
            let moments = shared.moments(since);
            let mut moment = index.get(&moments).clone();
            if lapse && moment.world.is("quarantine", "on") {
                moment.world.settings.insert("quarantine".into(), "off".into());
            }
            since = moment.length;
            shared = check_moment(&shared, &moment, &make, &expected);
        }
    }

    #[test]
    fn every_change_is_put_back(
        (before, inside, after) in (works(), works(), works()),
        stop in any::<Index>(),
        kills in prop::collection::vec(any::<Index>(), 0..6),
        fails in prop::collection::vec(any::<Index>(), 0..3),
    ) {
        let make = |shared: &Shared| book(shared, &before, &inside, &after);
        let calm = Shared::default();
        calm.change(|world| { world.settings.insert("i0".into(), "old".into()); });
        run(&calm, make(&calm)).unwrap();
        let moments = calm.moments(0);
        let mut shared = calm.killed_at(stop.get(&moments));
        if journal(&shared).records().is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = make(&shared).steps().iter().map(|step| step.id).collect();
        for index in fails {
            shared.get().fails_undo.insert((*index.get(&ids)).to_owned(), 1);
        }
        let mut since = shared.get().journal.len();
        for index in kills {
            let _ = roll_back(&shared, make(&shared));
            prop_assert_eq!(&shared.get().violations, &Vec::<String>::new());
            let length = shared.get().journal.len();
            let moments = shared.moments(since.min(length));
            let moment = index.get(&moments).clone();
            since = moment.length;
            shared = shared.killed_at(&moment);
        }
        for _ in 0..10 {
            if roll_back(&shared, make(&shared)).is_ok() {
                break;
            }
        }
        let mut settings = shared.get().world.settings.clone();
        // A setting that is off counts as one that was never made.
        settings.retain(|_, value| value != "off");
        prop_assert_eq!(settings.into_iter().collect::<Vec<_>>(), [("i0".to_owned(), "old".to_owned())]);
        prop_assert_eq!(&shared.get().violations, &Vec::<String>::new());
    }
}
