//! Finds the Heroku token: `HEROKU_API_KEY`, else `~/.netrc`, else the output of `heroku
//! auth:token`, which reads the operating system's key store and an encrypted `~/.netrc.gpg`.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::error::HerokuError;
use super::service::HEROKU;
use crate::adapters::json_api::{ApiError, ErrorKind, Reason};
use crate::child_environment;
use crate::secret::Secret;

/// A long limit, because the CLI starts Node and may ask the API for the token's expiry.
const CLI_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A token, and its origin as text without secrets.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub token: Secret,
    pub origin: String,
}

/// The places to search, which tests replace.
pub struct CredentialSources<'a> {
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
    pub home: Option<&'a Path>,
    /// See [`super::Endpoints::netrc_machine`].
    pub netrc_machine: &'a str,
}

/// Searches the three places in turn.
pub async fn find_credentials(sources: &CredentialSources<'_>) -> Result<Credentials, HerokuError> {
    if let Some(token) = (sources.environment)("HEROKU_API_KEY").filter(|t| !t.trim().is_empty()) {
        return credentials(token.trim(), "HEROKU_API_KEY".to_owned());
    }
    if let Some(token) = from_netrc(sources)? {
        return credentials(&token, format!("~/.netrc ({})", sources.netrc_machine));
    }
    match from_cli(sources).await {
        Ok(token) => credentials(&token, "`heroku auth:token`".to_owned()),
        Err(reason) => Err(HerokuError::NoCredentials {
            machine: sources.netrc_machine.to_owned(),
            tried: format!("HEROKU_API_KEY is not set, ~/.netrc has no entry, and {reason}"),
        }),
    }
}

fn credentials(token: &str, origin: String) -> Result<Credentials, HerokuError> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let reason = Reason::new(ErrorKind::Credentials, "");
        return Err(ApiError::before_any(&HEROKU, &origin, reason).into());
    }
    Ok(Credentials { token: Secret::new(token), origin })
}

fn from_netrc(sources: &CredentialSources<'_>) -> Result<Option<String>, HerokuError> {
    let Some(home) = sources.home else { return Ok(None) };
    let path = home.join(if cfg!(windows) { "_netrc" } else { ".netrc" });
    match std::fs::read(&path) {
        Ok(bytes) => Ok(netrc_password(&String::from_utf8_lossy(&bytes), sources.netrc_machine)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(HerokuError::UnreadableNetrc { path: path.display().to_string(), cause }),
    }
}

/// The password of one machine. A `default` entry is ignored, because it is for other services.
fn netrc_password(text: &str, machine: &str) -> Option<String> {
    let mut rest = text;
    let mut inside = false;
    while let Some(word) = next_word(&mut rest) {
        match word {
            "machine" => inside = next_word(&mut rest) == Some(machine),
            "default" => inside = false,
            "login" | "account" => _ = next_word(&mut rest),
            "password" => match next_word(&mut rest) {
                Some(password) if inside => return Some(password.to_owned()),
                _ => {}
            },
            // A macro ends at the next empty line and may hold any word.
            "macdef" => rest = after(rest, "\n\n"),
            comment if comment.starts_with('#') => rest = after(rest, "\n"),
            _ => {}
        }
    }
    None
}

fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let (word, left) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    *rest = left;
    (!word.is_empty()).then_some(word)
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, left)| left)
}

/// Asks the Heroku CLI. The error is a short reason and never holds the CLI's output.
async fn from_cli(sources: &CredentialSources<'_>) -> Result<String, String> {
    let mut command = Command::new("heroku");
    command
        .arg("auth:token")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .env("DISABLE_TELEMETRY", "true")
        .env("HEROKU_DISABLE_AUTOUPDATE", "1")
        .env("HEROKU_SKIP_NEW_VERSION_CHECK", "1");
    for name in child_environment::withheld() {
        command.env_remove(name);
    }
    // The child's search path decides which `heroku` runs, and its host decides which token it
    // prints.
    for name in ["PATH", "HEROKU_HOST"] {
        if let Some(value) = (sources.environment)(name) {
            command.env(name, value);
        }
    }
    if let Some(home) = sources.home {
        command.env("HOME", home);
    }
    let output = match tokio::time::timeout(CLI_TIME_LIMIT, command.output()).await {
        Err(_) => return Err("`heroku auth:token` did not answer within 30 s".to_owned()),
        Ok(Err(cause)) if cause.kind() == io::ErrorKind::NotFound => {
            return Err("the Heroku CLI for `heroku auth:token` is not installed".to_owned());
        }
        Ok(Err(cause)) => return Err(format!("bcops cannot run `heroku auth:token`: {cause}")),
        Ok(Ok(output)) => output,
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.split_whitespace().collect::<Vec<_>>()[..] {
        [token] if output.status.success() => Ok(token.to_owned()),
        _ => Err("`heroku auth:token` printed no token".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETRC: &str = "\
# password of nobody
machine git.heroku.com
  login a@example.test
  password git-token
macdef init
machine api.heroku.com password macro

machine api.heroku.com
  login
    password
  password api-token # the real one
machine 127.0.0.1:18080 login x password local-token
default login anonymous password guest";

    #[test]
    fn netrc_is_read_by_machine() {
        let password = |machine| netrc_password(NETRC, machine);
        assert_eq!(password("api.heroku.com").as_deref(), Some("api-token"));
        assert_eq!(password("git.heroku.com").as_deref(), Some("git-token"));
        assert_eq!(password("127.0.0.1:18080").as_deref(), Some("local-token"));
        assert_eq!(password("other.test"), None);
    }

    /// A home directory with, if asked for, a netrc and a `heroku` that prints `printed`.
    fn home(netrc: Option<&str>, printed: Option<&str>) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a directory");
        if let Some(netrc) = netrc {
            std::fs::write(home.path().join(".netrc"), netrc).expect("written");
        }
        if let Some(printed) = printed {
            let path = home.path().join("heroku");
            let script = format!("#!/bin/sh\n[ \"$1\" = auth:token ] && /bin/echo '{printed}'\n");
            // A shell writes the program, because a program that is open for writing cannot run,
            // and a child of another test may have inherited this process's open files.
            let written = std::process::Command::new("sh")
                .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &script])
                .arg(&path)
                .status();
            assert!(written.expect("a shell").success());
        }
        home
    }

    async fn find(key: &str, home: &tempfile::TempDir) -> Result<Credentials, HerokuError> {
        let (key, path) = (key.to_owned(), home.path().display().to_string());
        let environment = move |name: &str| match name {
            "HEROKU_API_KEY" => Some(key.clone()),
            "PATH" => Some(path.clone()),
            _ => None,
        };
        find_credentials(&CredentialSources {
            environment: &environment,
            home: Some(home.path()),
            netrc_machine: "api.heroku.com",
        })
        .await
    }

    #[tokio::test]
    async fn the_three_places_are_searched_in_turn() {
        let home_with_all = home(Some(NETRC), Some("cli-token"));
        let found = find("env-token", &home_with_all).await.expect("found");
        assert_eq!((found.token.expose(), found.origin.as_str()), ("env-token", "HEROKU_API_KEY"));
        let found = find(" ", &home_with_all).await.expect("found");
        assert_eq!(found.token.expose(), "api-token");
        assert_eq!(found.origin, "~/.netrc (api.heroku.com)");
        let found = find("", &home(Some("machine x password y"), Some("cli-token"))).await;
        assert_eq!(found.expect("found").token.expose(), "cli-token");
    }

    #[tokio::test]
    async fn without_a_token_the_error_names_the_three_places() {
        for printed in [None, Some("not logged in"), Some("")] {
            let error = find("", &home(None, printed)).await.expect_err("nothing").to_string();
            for way in ["HEROKU_API_KEY", "~/.netrc", "api.heroku.com", "heroku auth:token"] {
                assert!(error.contains(way), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_broken_token_is_never_shown() {
        let error = find("two words", &home(None, None)).await.expect_err("broken").to_string();
        assert!(error.contains("HEROKU_API_KEY") && !error.contains("two words"), "{error}");
    }
}
