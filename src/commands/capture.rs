//! Captures a fresh backup, after a confirmation, because it works on the environment.

use crate::adapters::heroku::Transfer;
use crate::commands::{Context, confirm};
use crate::deployment::backups::BackedUp;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};

/// Asks, captures, and waits for the end.
pub async fn capture(
    context: &Context,
    backed_up: &BackedUp<'_>,
    confirmed: &[String],
) -> Result<Transfer, CommandError> {
    let BackedUp { environment, heroku, database } = backed_up;
    environment.check_something_is_protected()?;
    let app = &environment.app.value;
    context.ui.question(&format!(
        "bcops will capture a backup of {} on {app} ({}).",
        database.addon_name, environment.name
    ));
    confirm::type_name(context, app, confirmed)?;
    let step = "capture";
    let description = format!("Capturing a backup of {app}");
    context.ui.emit(Event::StepStarted { step, description });
    let started = heroku.start_capture(database).await?;
    let owner = backed_up.owner();
    let waiting =
        async { Ok(heroku.wait_for_transfer(owner, &started, step, &*context.ui).await?) };
    let done = context.interrupt.guard(waiting).await.map_err(|error| match error.kind {
        FailureKind::Interrupted => error.hint(format!(
            "see whether Heroku finished backup {}: bcops backups list {}",
            started.name(),
            environment.name
        )),
        _ => error,
    })?;
    let summary = format!("Captured backup {}", done.name());
    context.ui.emit(Event::StepFinished { step, summary });
    Ok(done)
}
