//! Ends the quarantine: starts the earlier dynos, turns maintenance off, and checks every site. If
//! a site does not answer correctly, staging is closed again.

use async_trait::async_trait;

use crate::adapters::heroku::{Formation, HerokuError};
use crate::failure::{CommandError, FailureKind};
use crate::reset::closed::Closed;
use crate::reset::sites_answer::{Judged, Opened};
use crate::reset::values::{CLOSED_BEFORE, FORMATION_BEFORE, MAINTENANCE_BEFORE, OPENED};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepResult};
use crate::words;

pub struct Open;

/// The state of staging at the end of the run.
struct End {
    formation: Formation,
    /// Whether visitors get in. Otherwise a person had closed staging and wants it to stay closed.
    open: bool,
    maintenance: bool,
}

/// The state at the end of the run, or the question that a person has to answer first.
fn end(world: &Reset, context: &StepContext) -> StepResult<End> {
    let before = context.need(&FORMATION_BEFORE)?;
    let was_on = context.need(&MAINTENANCE_BEFORE)?;
    let Some(closed) = closed_before(context, was_on, &before)? else {
        return Ok(End { formation: before, open: true, maintenance: false });
    };
    match closed.opens(world.answers.open) {
        Some(true) => Ok(End { formation: closed.opens_with, open: true, maintenance: false }),
        Some(false) => Ok(End { formation: before, open: false, maintenance: was_on }),
        None => Err(StepError::NeedsDecision {
            question: format!(
                "{} was {} before this run; open it?",
                world.destination.name,
                closed.in_words()
            ),
            flag: "--open yes|no".to_owned(),
        }),
    }
}

async fn open(world: &Reset, context: &StepContext, end: &End) -> StepResult<Judged> {
    crate::reset::git::keep_in_force(world, context).await?;
    let wanted = world.formation_onto_present(context, &end.formation).await?;
    world.heroku.scale(&world.destination.app, &wanted).await?;
    match world.heroku.wait_for_dynos(world.destination.app.id(), &wanted, None).await {
        // Otherwise visitors would see Heroku's error page.
        Err(error @ HerokuError::DynosUnsettled { .. }) if end.open => {
            return Err(not_opened(world, &error.to_string()));
        }
        other => other?,
    }
    if !end.open {
        return Ok(Judged::default());
    }
    world.heroku.set_maintenance(&world.destination.app, false).await?;
    let judged = world.wait_for_sites(context).await?;
    if judged.down.is_empty() {
        return Ok(judged);
    }
    let problems: Vec<String> =
        judged.down.iter().map(|one| format!("{}: {}", one.url, one.problem)).collect();
    Err(not_opened(world, &problems.join("; ")))
}

fn not_opened(world: &Reset, why: &str) -> StepError {
    let app = world.app_name();
    let text = format!("cannot open {app}: {why}; staging is back in quarantine");
    let error = CommandError::new(FailureKind::Partial, text);
    error.hint(format!("to see why: heroku logs --app {app}")).into()
}

async fn is_as(world: &Reset, end: &End) -> StepResult<bool> {
    let app = world.heroku.app(world.destination.app.id()).await?;
    let formation = world.formation().await?;
    Ok(formation == end.formation.onto(&formation) && app.maintenance == end.maintenance)
}

/// Closes staging again after an error. If that fails, the error says so.
async fn close_again(world: &Reset, error: StepError) -> StepError {
    let closing = async {
        world.heroku.set_maintenance(&world.destination.app, true).await?;
        let zero = world.formation().await?.at_zero();
        world.heroku.scale(&world.destination.app, &zero).await
    };
    match (closing.await, error) {
        (Err(cause), StepError::Failed(error)) => {
            let text = format!("{error}; bcops could not close staging again");
            CommandError::new(error.kind, text).with_cause(cause).into()
        }
        (_, error) => error,
    }
}

fn left_closed(world: &Reset, end: &End) -> String {
    let (name, app) = (&world.destination.name, world.app_name());
    let how = match end.maintenance {
        true => format!("in maintenance; to open it: heroku maintenance:off --app {app}"),
        false => format!("without a web dyno; to start one: heroku ps:scale web=1 --app {app}"),
    };
    format!("{name} stays {how}")
}

/// How staging was closed before the run. Journals of older versions have no record of it.
fn closed_before(
    context: &StepContext,
    was_on: bool,
    before: &Formation,
) -> StepResult<Option<Closed>> {
    if let Some(recorded) = context.get(&CLOSED_BEFORE)?.flatten() {
        return Ok(Some(recorded));
    }
    let no_dynos = before.serves_nobody();
    let opens_with = before.with_a_web_dyno();
    let closed = Closed { maintenance: was_on, no_dynos, left_by: None, opens_with };
    Ok((was_on || no_dynos).then_some(closed))
}

#[async_trait]
impl Step<Reset> for Open {
    fn describe(&self, world: &Reset) -> String {
        format!("Start the dynos of {}, end maintenance, check its sites", world.app_name())
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        // The text does not depend on the answer, because a plan compares it.
        vec![Effect::new(format!("{} is open, or as --open says", world.app_name()))]
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        // A run that was killed after it opened staging closes staging again before it continues.
        let is_open = match context.get(&FORMATION_BEFORE)? {
            Some(_) => is_as(world, &end(world, context)?).await?,
            None => false,
        };
        // The act checks whether the sites answer.
        Ok(if is_open { Probe::CannotTell } else { Probe::NotYet })
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let end = end(world, context)?;
        // A scheduler may have started a one-off dyno during the quarantine.
        world.stop_one_off_dynos(context).await?;
        let opening = context.wait_for("nothing", open(world, context, &end));
        let judged = match opening.await {
            Ok(judged) => judged,
            Err(error) => return Err(close_again(world, error).await),
        };
        let evidence = Evidence::of(match end.open {
            true => format!("Open: {}", end.formation),
            false => format!("Closed, as before: {}", end.formation),
        })
        .fact("formation", end.formation.to_string())
        .fact("sites asked", words::plural(judged.asked, "site"));
        judged.warnings.into_iter().for_each(|warning| context.warn(warning));
        let unseen: Vec<String> = judged.unjudged.iter().map(|one| one.url.clone()).collect();
        let answering = judged.asked.saturating_sub(unseen.len() as u64);
        context.put(&OPENED, &Opened { open: end.open, answering, unseen })?;
        if !end.open {
            return Ok(Outcome::Warning { text: left_closed(world, &end), evidence });
        }
        for one in judged.unjudged.iter().filter(|one| one.answered) {
            context.warn(format!("{}: {}, as before the run", one.url, one.problem));
        }
        let silent: Vec<&str> = judged
            .unjudged
            .iter()
            .filter(|one| !one.answered)
            .map(|one| one.url.as_str())
            .collect();
        if silent.is_empty() {
            return Ok(Outcome::Done(evidence));
        }
        let text = format!("{} cannot be reached from here, as before", silent.join(", "));
        Ok(Outcome::Warning { text, evidence })
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let end = end(world, context)?;
        let now = world.formation().await?;
        let wanted = end.formation.onto(&now);
        StepError::unless(now == wanted, || format!("the formation is {now} instead of {wanted}"))?;
        let on = world.maintenance().await?;
        StepError::unless(on == end.maintenance, || {
            let word = if on { "on" } else { "off" };
            format!("maintenance of {} is {word}", world.app_name())
        })?;
        Ok(Evidence::new().fact("maintenance", if on { "on, as before" } else { "off" }))
    }

    async fn verify_open_again(
        &self,
        world: &Reset,
        context: &StepContext,
    ) -> StepResult<Evidence> {
        world.ask_after_rollback(context).await
    }
}
