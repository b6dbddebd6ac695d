//! Simulates a world, and runs an engine in it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::events::{Event, Reporter};
use crate::failure::EnvironmentName;
use crate::runbook::engine::{Beginning, Engine, RunEnd, Setup};
use crate::runbook::journal::{Durable, Journal, Writer};
use crate::runbook::lock::{Holder, LockError, Operator, RunLock};
use crate::runbook::{
    Evidence, Flags, Guard, Interrupt, Redactor, RunError, RunId, Runbook, StepEntry, StepError,
    StepResult, Target,
};

/// Everything outside of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    pub settings: BTreeMap<String, String>,
    /// Requested jobs, in order.
    pub jobs: Vec<String>,
    pub lock: Option<Holder>,
}

impl World {
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.settings.get(key).is_some_and(|found| found == value)
    }
}

/// The world, the disk with the journal, and the planned faults.
#[derive(Default)]
pub struct Simulation {
    pub world: World,
    pub journal: Vec<u8>,
    /// The world after each change, with the length of the journal at that time.
    pub past: Vec<(usize, World)>,
    /// How often the act of a step fails before, or after, it has done its work.
    pub fails_before: BTreeMap<String, u32>,
    pub fails_after: BTreeMap<String, u32>,
    /// How often the request of a step is refused as a whole.
    pub refused: BTreeMap<String, u32>,
    pub fails_undo: BTreeMap<String, u32>,
    /// Whether the user presses Ctrl-C during this step.
    pub interrupts: BTreeMap<String, u32>,
    pub violations: Vec<String>,
    pub events: Vec<Event>,
    /// Whether the disk is full.
    pub disk_full: bool,
    pub guard_refuses: bool,
    pub interrupt: Option<watch::Sender<bool>>,
}

#[derive(Clone, Default)]
pub struct Shared(pub Arc<Mutex<Simulation>>);

impl Shared {
    pub fn get(&self) -> MutexGuard<'_, Simulation> {
        self.0.lock().unwrap()
    }

    /// Changes the world, and remembers the length of the journal at that time.
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        let mut simulation = self.get();
        change(&mut simulation.world);
        let snapshot = (simulation.journal.len(), simulation.world.clone());
        simulation.past.push(snapshot);
    }

    /// Whether a planned fault happens now.
    pub fn happens(
        &self,
        which: fn(&mut Simulation) -> &mut BTreeMap<String, u32>,
        id: &str,
    ) -> bool {
        let mut simulation = self.get();
        match which(&mut simulation).get_mut(id) {
            Some(times) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }

    /// The state if the process had been killed at this moment.
    pub fn killed_at(&self, moment: &Moment) -> Shared {
        let simulation = self.get();
        let world = moment.world.clone();
        Shared(Arc::new(Mutex::new(Simulation {
            journal: simulation.journal[..moment.length].to_vec(),
            past: vec![(moment.length, world.clone())],
            world,
            ..Simulation::default()
        })))
    }

    /// Every moment at which the process could have been killed since the journal had this length.
    pub fn moments(&self, since: usize) -> Vec<Moment> {
        let simulation = self.get();
        let ends: Vec<usize> = simulation
            .journal
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(index, _)| index + 1)
            .collect();
        let mut moments = Vec::new();
        for length in since..=simulation.journal.len() {
            let whole = ends.iter().copied().filter(|&end| end <= length).max().unwrap_or(0);
            let seen = simulation.past.iter().filter(|(at, _)| *at <= whole);
            let last = seen.clone().count().saturating_sub(1);
            let first = simulation.past.iter().filter(|(at, _)| *at < whole).count();
            // Within a line, everything before it has happened. At its end, the changes that follow
            // may have happened in part.
            let range = if length == whole { first.saturating_sub(1)..=last } else { last..=last };
            for index in range {
                let world = simulation.past[index].1.clone();
                moments.push(Moment { length, world });
            }
        }
        moments
    }
}

/// A moment at which the process is killed.
#[derive(Debug, Clone)]
pub struct Moment {
    pub length: usize,
    pub world: World,
}

impl Durable for Shared {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut simulation = self.get();
        if simulation.disk_full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        simulation.journal.extend_from_slice(line);
        Ok(())
    }
}

impl Reporter for Shared {
    fn emit(&self, event: Event) {
        self.get().events.push(event);
    }
}

#[async_trait]
impl Guard for Shared {
    async fn before(&self, step: &str) -> StepResult<Evidence> {
        if self.get().guard_refuses {
            return Err(StepError::failed(
                crate::failure::FailureKind::Refused,
                "this is production",
            ));
        }
        Ok(Evidence::new().fact("compared", step))
    }
}

#[async_trait]
impl RunLock for Shared {
    async fn acquire(&self, holder: &Holder) -> Result<(), LockError> {
        let other = self.get().world.lock.clone().filter(|other| other.run != holder.run);
        if let Some(other) = other {
            return Err(LockError::Held { holder: Box::new(other) });
        }
        self.change(|world| world.lock = Some(holder.clone()));
        Ok(())
    }

    async fn refresh(&self, holder: &Holder) -> Result<(), LockError> {
        match &self.get().world.lock {
            Some(other) if other.run == holder.run => Ok(()),
            _ => Err(LockError::Lost { run: holder.run.clone() }),
        }
    }

    async fn release(&self, run: &RunId) -> Result<(), LockError> {
        self.change(|world| world.lock = world.lock.take().filter(|one| one.run != *run));
        Ok(())
    }
}

pub fn run_id() -> RunId {
    RunId::parse("r20261122-201530-4f2a").unwrap()
}

pub fn target() -> Target {
    let identity = BTreeMap::from([("app id".to_owned(), "0001".to_owned())]);
    Target { name: "staging".to_owned(), identity }
}

pub fn environment() -> EnvironmentName {
    EnvironmentName { name: "staging".into(), app: "site-staging".into() }
}

fn engine(shared: &Shared, runbook: Runbook<()>) -> Result<Engine<()>, RunError> {
    let (sender, receiver) = watch::channel(false);
    shared.get().interrupt = Some(sender);
    let setup = Setup {
        runbook,
        lock: Arc::new(shared.clone()),
        guard: Arc::new(shared.clone()),
        interrupt: Interrupt::new(receiver),
        reporter: Arc::new(shared.clone()),
        redactor: Arc::new(Redactor::new()),
        operator: Operator { who: "ada".into(), host: "desk".into(), pid: 1, beginning: None },
        environment: environment(),
        expected: None,
        consumers: Vec::new(),
    };
    let journal = Journal::parse(&shared.get().journal)?;
    let (path, sink) = (Path::new("memory"), Box::new(shared.clone()));
    let whole = journal.records().len() as u64;
    let kept: usize = {
        let mut simulation = shared.get();
        let kept =
            simulation.journal.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        simulation.journal.truncate(kept);
        kept
    };
    let writer = Writer::to(path, sink, whole + 1);
    if kept == 0 {
        let beginning =
            Beginning { command: "reset".into(), target: target(), ..Beginning::default() };
        return Ok(Engine::begin_with(setup, run_id(), writer, None, beginning));
    }
    Engine::reopen_with(setup, run_id(), &journal, writer, None, &target(), Flags::new())
}

/// Begins or resumes the run.
pub fn run(shared: &Shared, runbook: Runbook<()>) -> Result<RunEnd, RunError> {
    block_on(async { engine(shared, runbook)?.run().await })
}

pub fn roll_back(shared: &Shared, runbook: Runbook<()>) -> Result<RunEnd, RunError> {
    block_on(async { engine(shared, runbook)?.roll_back().await })
}

/// Rolls back after a precaution.
pub fn roll_back_after(
    shared: &Shared,
    runbook: Runbook<()>,
    precaution: StepEntry<()>,
) -> Result<RunEnd, RunError> {
    block_on(async { engine(shared, runbook)?.with_precaution(precaution).roll_back().await })
}

/// Resumes the run until it is done.
pub fn run_to_end(shared: &Shared, make: &dyn Fn(&Shared) -> Runbook<()>) -> RunEnd {
    for _ in 0..100 {
        match run(shared, make(shared)) {
            Ok(end) => return end,
            Err(
                RunError::Step { .. } | RunError::Interrupted { .. } | RunError::Decision { .. },
            ) => {}
            // The process was killed after the last record.
            Err(RunError::Over { run }) => {
                let status = crate::runbook::EndStatus::Done;
                return RunEnd { run, status, warnings: Vec::new() };
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the run does not end");
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

pub fn journal(shared: &Shared) -> Journal {
    Journal::parse(&shared.get().journal).unwrap()
}
