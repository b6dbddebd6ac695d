//! `--set-password`: gives the superusers of the local copy a password, because the scrub makes
//! every password unusable.

use crate::adapters::postgres::{DatabaseUrl, connect};
use crate::cli::PullDataArgs;
use crate::commands::confirm::no_terminal;
use crate::commands::{Context, superusers};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;
use crate::ui::Answer;

pub struct LocalPassword(Secret);

/// Asks before the work begins, so that the question does not come in the middle of a long pull.
pub fn ask(context: &Context, args: &PullDataArgs) -> Result<Option<LocalPassword>, CommandError> {
    if !args.set_password || args.dry_run {
        return Ok(None);
    }
    let variable = superusers::VARIABLE;
    if let Some(password) = context.variable(variable).filter(|password| !password.is_empty()) {
        return Ok(Some(LocalPassword(Secret::new(password))));
    }
    let prompter = context.ui.prompter();
    let question = "A password for the superusers of the local copy";
    match tokio::task::block_in_place(|| prompter.new_password(question)) {
        Answer::Given(password) => Ok(Some(LocalPassword(password))),
        Answer::Declined => Err(CommandError::new(
            FailureKind::NotConfirmed,
            "no password was given; nothing was changed",
        )
        .hint("leave --set-password out, and set one after the pull: bcops password")),
        Answer::CannotAsk => {
            Err(no_terminal("--set-password needs a password").hint(format!("set {variable}")))
        }
    }
}

impl LocalPassword {
    /// Gives it to every superuser. Returns their names, in order.
    pub async fn give(
        &self,
        database: &DatabaseUrl,
        users_table: &str,
    ) -> Result<Vec<String>, CommandError> {
        let session = connect(database).await?;
        let names = superusers::set_password(&session, users_table, None, &self.0).await?;
        session.close().await;
        Ok(names)
    }
}
