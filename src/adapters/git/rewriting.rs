//! Computes where git really pushes after it rewrites a URL by `url.BASE.insteadOf` and
//! `url.BASE.pushInsteadOf`. Git prints this only for remotes in the clone's own file.
//!
//! From the manual of git config: if several prefixes match, the longest counts. `pushInsteadOf`
//! applies to remotes without their own `pushurl`.

use super::error::GitError;
use super::refusal;
use super::remote::{Remote, alias};
use super::repository::Repository;
use super::words;

/// The rules for rewriting.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rewriting {
    /// A prefix, and its replacement.
    instead: Vec<(String, String)>,
    push_instead: Vec<(String, String)>,
}

impl Rewriting {
    /// Reads the entries that `git config --null --get-regexp` prints.
    fn parse(text: &str) -> Rewriting {
        let mut found = Rewriting::default();
        for entry in text.split('\0') {
            let Some((key, prefix)) = entry.split_once('\n') else { continue };
            let Some(rest) = key.strip_prefix("url.") else { continue };
            let entry = |base: &str| (prefix.to_owned(), base.to_owned());
            if let Some(base) = rest.strip_suffix(".pushinsteadof") {
                found.push_instead.push(entry(base));
            } else if let Some(base) = rest.strip_suffix(".insteadof") {
                found.instead.push(entry(base));
            }
        }
        found
    }

    /// The URL for a push. `is_push_url` says whether the URL is a `pushurl`.
    fn of_push(&self, url: &str, is_push_url: bool) -> String {
        let for_push = if is_push_url { None } else { rewritten(url, &self.push_instead) };
        for_push.or_else(|| rewritten(url, &self.instead)).unwrap_or_else(|| url.to_owned())
    }
}

fn rewritten(url: &str, rules: &[(String, String)]) -> Option<String> {
    let fitting = rules.iter().filter(|(prefix, _)| url.starts_with(prefix.as_str()));
    let (prefix, base) = fitting.max_by_key(|(prefix, _)| prefix.len())?;
    Some(format!("{base}{}", url.get(prefix.len()..).unwrap_or_default()))
}

impl Repository {
    /// Every URL that a push to the remote goes to, after git's own rewriting and without
    /// credentials.
    ///
    /// # Errors
    /// If git cannot print its settings.
    pub async fn push_urls(&self, remote: &Remote) -> Result<Vec<String>, GitError> {
        let rewriting = self.rewriting().await?;
        let address = remote.address();
        let given: Vec<(String, bool)> = match alias(self.remote_name()) == address {
            false => vec![(address.to_owned(), false)],
            true => self.given_urls(address),
        };
        let urls = given.iter().map(|(url, is_push_url)| rewriting.of_push(url, *is_push_url));
        Ok(urls.map(|url| words::without_user_parts(&url)).collect())
    }

    /// The push URLs, or the general URLs if there are none.
    fn given_urls(&self, alias: &str) -> Vec<(String, bool)> {
        let of = |last: &str| -> Vec<String> {
            let key = format!("remote.{alias}.{last}");
            let found = self.settings().iter().filter(|(name, _)| *name == key);
            found.map(|(_, value)| value.expose().to_owned()).collect()
        };
        let pushing = of("pushurl");
        match pushing.is_empty() {
            false => pushing.into_iter().map(|url| (url, true)).collect(),
            true => of("url").into_iter().map(|url| (url, false)).collect(),
        }
    }

    async fn rewriting(&self) -> Result<Rewriting, GitError> {
        let what = "reading how git rewrites URLs";
        let pattern = r"^url\..*\.(push)?insteadof$";
        let output = self.ask_settings(what, ["config", "--null", "--get-regexp", pattern]).await?;
        // Git's exit code is not 0 if there is no such setting, so it is ignored.
        Ok(Rewriting::parse(&output.text()))
    }

    /// The branch that `HEAD` of the remote points at. `None` if the remote does not report one.
    ///
    /// # Errors
    /// If the remote does not answer.
    pub async fn default_branch(&self, remote: &Remote) -> Result<Option<String>, GitError> {
        let what = format!("asking {} for its default branch", remote.label());
        let arguments = ["ls-remote", "--symref", remote.address(), "HEAD"];
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let output = self.remotely(&what, remote, arguments, None).await?;
        if !output.success() {
            return Err(refusal::of_connection(&what, remote, output.said));
        }
        let text = output.text();
        let branch = text.lines().find_map(|line| {
            line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD").map(str::to_owned)
        });
        Ok(branch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts_and_pushes_have_their_own_rules() {
        let text = "url.https://a/.insteadof\nhttps://h/\0url.https://b/x.insteadof\nhttps://h/x\0\
                    url.https://p/.pushinsteadof\nhttps://h/\0";
        let rewriting = Rewriting::parse(text);
        assert_eq!(rewriting.of_push("https://h/app.git", false), "https://p/app.git");
        assert_eq!(rewriting.of_push("https://h/app.git", true), "https://a/app.git");
        assert_eq!(rewriting.of_push("https://h/x.git", true), "https://b/x.git");
        assert_eq!(rewriting.of_push("https://other/x", false), "https://other/x");
        assert_eq!(Rewriting::parse(""), Rewriting::default());
    }
}
