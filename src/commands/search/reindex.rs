//! Rebuilds the search indices on a one-off dyno, and counts them: `search reindex`. Never those of a
//! protected environment: while Wagtail rebuilds an index, searches find nothing.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::elasticsearch::DestinationCluster;
use crate::adapters::heroku::{DestinationApp, Heroku};
use crate::adapters::postgres::{DatabaseUrl, connect};
use crate::cli::SearchReindexArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::search::{self, Counted, Difference, Reindexed, Role, SearchError, Site};
use crate::settings::Destination;
use crate::ui::table::{Column, Table};
use crate::words;

use super::report;

/// With `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    environment: &'a str,
    app: &'a str,
    /// The cluster's address.
    host: &'a str,
    /// The command that would run on a dyno.
    command: &'a str,
    documents_before: u64,
    rows: u64,
    /// Indices that the site never searches in again. They are deleted after the command.
    left_over: &'a [String],
}

/// The indices after the command.
#[derive(Serialize, JsonSchema)]
pub struct Rebuilt<'a> {
    /// Always false.
    dry_run: bool,
    environment: &'a str,
    app: &'a str,
    /// The cluster's address.
    host: &'a str,
    /// The command that ran on a dyno.
    command: &'a str,
    dyno: &'a str,
    seconds: f64,
    /// Each with its documents, and the rows of its table.
    indices: &'a [Counted],
    /// Indices with documents beyond the rows.
    differences: &'a [Difference],
    /// Left-over indices that were deleted after the command.
    deleted: &'a [String],
}

/// Where an index lacks rows after the command.
#[derive(Serialize, JsonSchema)]
pub struct Incomplete {
    differences: Vec<Difference>,
}

/// The resources of the work, each compared with protected environments.
struct Ready {
    destination: Destination,
    heroku: Heroku,
    app: DestinationApp,
    cluster: DestinationCluster,
    database: DatabaseUrl,
}

pub async fn run(context: &Context, args: &SearchReindexArgs) -> Result<Outcome, CommandError> {
    let destination = Destination::try_from(context.settings.environment(&args.environment)?)?;
    let app = destination.app.value.clone();
    if !args.dry_run {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
        confirm::check_can_be_asked(context, &app, &args.confirm)?;
    }
    let (ready, before) = context
        .interrupt
        .guard(async {
            let ready = prepare(context, destination).await?;
            let before = look(context, &ready).await?;
            Ok((ready, before))
        })
        .await?;
    let place = ready.cluster.address().place();
    let command = &context.settings.search.reindex_command.value;
    let plan = plan(&ready, command, &before);
    if let Some(warning) = &before.no_room {
        context.ui.emit(Event::Warning(warning.clone()));
    }
    if args.dry_run {
        let result = Planned {
            dry_run: true,
            environment: &ready.destination.name,
            app: &app,
            host: &place,
            command,
            documents_before: before.documents,
            rows: before.rows,
            left_over: &before.left_over,
        };
        return Ok(Outcome::done(result, format!("{plan}\ndry run: nothing was changed")));
    }
    confirm::print_origins(context);
    context.ui.question(&plan);
    confirm::type_name(context, &app, &args.confirm)?;
    let site = Site {
        heroku: &ready.heroku,
        app: &ready.app,
        cluster: &ready.cluster,
        database: &ready.database,
        settings: &context.settings.search,
        silence: context.settings.commands.silence,
    };
    let mut done = search::reindex(&site, &*context.ui, context.interrupt.pressed())
        .await
        .map_err(|error| explained(error, &ready.destination))?;
    if let Some(failure) = done.failure.take() {
        return Err(explained(failure.into(), &ready.destination));
    }
    Ok(Outcome::done(result(&ready, &place, command, &done), text(&done)))
}

const COLUMNS: [Column; 3] =
    [Column::text("INDEX"), Column::number("DOCUMENTS"), Column::number("ROWS")];

/// How much the indices in use and their tables hold.
struct Before {
    documents: u64,
    rows: u64,
    left_over: Vec<String>,
    /// Whether Wagtail fills new indices beside the old ones, as the aliases show.
    is_beside: bool,
    /// The warning about the plan's shards.
    no_room: Option<String>,
}

async fn look(context: &Context, ready: &Ready) -> Result<Before, CommandError> {
    let settings = &context.settings.search;
    let session = connect(&ready.database).await;
    let session = session.map_err(|error| of_environment(error.into(), &ready.destination))?;
    let environment = context.settings.environment(&ready.destination.name)?;
    let plan = super::status::plan(environment, &ready.heroku).await;
    let status = search::status(&ready.cluster, Some(&session), settings, plan.as_deref()).await?;
    let in_use = || status.indices.iter().filter(|index| index.role == Role::InUse);
    // A missing index has rows as well.
    let missing: u64 = status
        .differences
        .iter()
        .map(|one| match one {
            Difference::Missing { rows, .. } => *rows,
            _ => 0,
        })
        .sum();
    Ok(Before {
        documents: in_use().filter_map(|index| index.documents).sum(),
        rows: in_use().filter_map(|index| index.rows).sum::<u64>() + missing,
        left_over: status.left_over().into_iter().map(str::to_owned).collect(),
        is_beside: in_use().next().is_some() && in_use().all(|index| !index.aliases.is_empty()),
        no_room: report::no_room(&status),
    })
}

fn plan(ready: &Ready, command: &str, before: &Before) -> String {
    let effect = match before.is_beside {
        true => {
            "It builds each index beside the old one:\n\
             searches find the old content until the new index is complete."
        }
        false => {
            "It deletes and rebuilds each index:\n\
             until it is done, searches find only a part, or nothing."
        }
    };
    let mut text = format!(
        "from  the database {} on {}: {}\n\
         to    the search indices on {}, which hold {}\n\
         `{command}` runs on a one-off dyno of {} ({}). {effect}",
        ready.database.database,
        ready.database.place(),
        words::plural(before.rows, "row"),
        ready.cluster.address().place(),
        words::plural(before.documents, "document"),
        ready.app.name(),
        ready.destination.name,
    );
    if !before.left_over.is_empty() {
        let names = before.left_over.join(", ");
        text.push_str(&format!("\nThen bcops deletes left-over indices: {names}"));
    }
    text
}

/// The fix of a failure depends on whose database it is.
fn of_environment(error: CommandError, destination: &Destination) -> CommandError {
    let (name, app) = (&destination.name, &destination.app.value);
    error.hint_instead(format!("bcops doctor {name}   # checks {app} and its config vars"))
}

/// Looks up the resources, and refuses those of a protected environment: what the command on the dyno
/// reads, and what bcops reads itself.
async fn prepare(context: &Context, destination: Destination) -> Result<Ready, CommandError> {
    let writing = context.deployments().writing(&destination).await?;
    let cluster = writing.cluster().await?;
    let database = writing.database().await.map_err(|error| match error.kind {
        FailureKind::Configuration => of_environment(error, &destination),
        _ => error,
    })?;
    writing.all_of_a_dyno()?;
    let app = writing.app().await?;
    let (logged_in, _) = writing.heroku()?;
    Ok(Ready { destination, heroku: logged_in.heroku, app, cluster, database })
}

fn explained(error: SearchError, destination: &Destination) -> CommandError {
    let differences = match &error {
        SearchError::Incomplete { differences, .. } => differences.clone(),
        _ => Vec::new(),
    };
    let is_one_offs_end = matches!(error, SearchError::Heroku(_));
    let is_databases = matches!(error, SearchError::Postgres(_));
    let mut error = CommandError::from(error);
    if is_databases {
        error = of_environment(error, destination);
    }
    if !differences.is_empty() {
        error = error.with_result(Incomplete { differences });
    }
    if error.kind == FailureKind::Interrupted
        || (is_one_offs_end && error.kind == FailureKind::RemoteJob)
    {
        let name = &destination.name;
        error = error
            .hint(format!("look whether an index is incomplete: bcops search status {name}"))
            .hint(format!("rebuild the indices: bcops search reindex {name}"));
    }
    error
}

fn result<'a>(
    ready: &'a Ready,
    host: &'a str,
    command: &'a str,
    done: &'a Reindexed,
) -> Rebuilt<'a> {
    Rebuilt {
        dry_run: false,
        environment: &ready.destination.name,
        app: ready.app.name(),
        host,
        command,
        dyno: &done.dyno,
        seconds: done.took.as_secs_f64(),
        indices: &done.indices,
        differences: &done.surplus,
        deleted: &done.cleared.deleted,
    }
}

fn text(done: &Reindexed) -> String {
    let mut table = Table::new(COLUMNS);
    for one in &done.indices {
        table.row([&one.index, &words::count(one.documents), &words::count(one.rows)]);
    }
    format!("{table}\nRebuilt the search indices in {}", words::duration(done.took))
}
