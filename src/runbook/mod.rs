//! Runs long work in steps: planned, journalled, resumable and reversible.
//!
//! The engine does not know what the steps are about. To write a runbook, implement [`Step`],
//! [`Check`] and [`Undo`] for a world of your own, and list the steps in a [`Runbook`]. An
//! [`Engine`] begins, resumes or rolls back a run of it.
//!
//! The engine promises:
//!
//! * **A run that is killed at any moment can be resumed, and ends in the same state.** Every
//!   transition is a line of the journal that is on disk before anything else happens
//!   ([`journal`]). A resumed run reads these lines ([`history`]) and probes the step that was
//!   under way.
//! * **No remote job is started twice.** The journal records that a job is about to be requested,
//!   and its identifier, before the step waits for the job ([`StepContext::job`]).
//! * **A standing step stays in force around other steps** ([`StepEntry::stands_until`],
//!   `Builder::bracket` in `list.rs`). It is probed again when a run is resumed and before every
//!   destructive step. It cannot be skipped while the stage inside runs, and it does not end before
//!   all steps inside are verified. A rollback keeps it in force if a step inside could not be put
//!   back.
//! * **An approval covers only what the plan observed** ([`Plan`]).
//! * **One operator at a time** ([`lock`]).
//! * **No secret is written anywhere** ([`redact`]), **and no person's name is in a report**
//!   ([`report`]).
//!
//! The records of a run are one stream. The journal takes each record first. The history, by which
//! the engine decides, the screen and other consumers ([`entry::Consumer`]) follow.

mod context;
mod engine;
pub mod entry;
mod error;
mod essence;
mod estimate;
mod event_log;
pub mod evidence;
mod folder_lock;
pub mod history;
mod interrupt;
pub mod journal;
mod list;
pub mod lock;
mod markdown;
mod perform;
pub mod plan;
pub mod redact;
pub mod report;
mod rollback;
mod run_id;
mod screen;
mod share;
pub mod step;
mod step_entry;
pub mod store;
mod values;

#[cfg(test)]
mod tests;

pub use context::StepContext;
pub use engine::{Beginning, Engine, RunEnd, Setup};
pub use entry::{Consumer, EndStatus, Flags, Target};
pub use error::RunError;
pub use essence::Essence;
pub use estimate::{Estimate, Size, estimate};
pub use evidence::{Evidence, Table};
pub use history::{History, Job, Standing};
pub use interrupt::Interrupt;
pub use journal::{Journal, JournalError};
pub use list::{Runbook, RunbookError};
pub use lock::{Holder, LockError, Operator, RunLock};
pub use plan::{Observations, Plan};
pub use redact::Redactor;
pub use report::Report;
pub use run_id::RunId;
pub use step::{Check, Effect, Guard, Outcome, Probe, Step, StepError, StepKind, StepResult, Undo};
pub use step_entry::{StepEntry, UndoWay, additive, check, destructive, manual, reversible, wait};
pub use store::{RunState, RunSummary, Runs, StoreError};
pub use values::ValueKey;
