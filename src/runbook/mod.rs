//! The runbook engine: long work in steps, planned, journalled, resumable, reversible.
//!
//! It knows nothing of what the steps are about. Who writes a runbook implements [`Step`], [`Check`]
//! and [`Undo`] for a world of their own, and lists the steps in a [`Runbook`]; an [`Engine`] begins
//! a run of it, goes on with one, or rolls one back.
//!
//! What it promises, and what the promise rests on:
//!
//! * **Kill it at any moment, go on, and it ends in the same place.** Every transition is a line of
//!   the journal that is on the disk before the next thing happens ([`journal`]). A resumed run
//!   knows what the lines say ([`history`]) and asks the world about the step that was under way.
//! * **What must not happen twice does not.** That a remote job is about to be asked for, and what
//!   it is called, is on record before it is waited for ([`StepContext::job`]).
//! * **What has to stay true around other steps does** ([`StepEntry::stands_until`],
//!   `Builder::bracket` in `list.rs`): it is looked at again when a run is resumed and before every
//!   destructive step, it cannot be left out, it does not end before all that it stands around was
//!   verified, and a rollback keeps it where that could not be put back.
//! * **Nothing is approved but what was seen** ([`Plan`]).
//! * **One operator at a time** ([`lock`]).
//! * **No secret in anything that is written** ([`redact`]), and nobody's name in what is passed on
//!   ([`report`]).
//!
//! The records of a run are one stream. The journal takes them first; the history that the engine
//! decides by, the screen and anybody else ([`entry::Consumer`]) follow.

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
