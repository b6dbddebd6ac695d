//! Colours a text and makes links of its addresses, on its way to a terminal.
//!
//! The text was cleaned before and is coloured by its form: the first word of a row, an address, the
//! name of a protected environment. So no text of others can bring escape sequences of its own.

use std::sync::LazyLock;

use console::Style;
use regex::Regex;

use super::ColorChoice;
use super::terminal::Stream;

/// A web address, and a file that a report was written to.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)https?://[^\s<>"'`)\],;]*[^\s<>"'`)\],;.:]|^report: (?P<file>/\S.*)$"#).ok()
});

/// A row's verdict: at the beginning of the line, with a blank column after it.
static VERDICT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^(?P<before> *)(?P<word>[a-z]+)(?P<after> {2}|$)").ok());

/// A table's header row: titles in capitals, with columns between them.
static HEADER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^[A-Z][A-Z ]*  [A-Z ]*[A-Z]$").ok());

/// How texts on one stream are shown.
#[derive(Debug, Clone)]
pub struct Paint {
    color: bool,
    links: bool,
    /// The columns of the terminal.
    width: Option<u16>,
    /// Names of protected environments and their apps.
    protected: Vec<String>,
}

impl Paint {
    pub fn of(stream: Stream, choice: ColorChoice) -> Paint {
        let (color, links) = (stream.has_colors(choice), stream.has_links(choice));
        Paint { color, links, width: stream.width(), protected: Vec::new() }
    }

    /// Names these in bold red wherever a person decides something.
    pub fn protecting(self, mut names: Vec<String>) -> Paint {
        // The longest first, because one may begin with another.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.dedup();
        Paint { protected: names, ..self }
    }

    pub fn has_colors(&self) -> bool {
        self.color
    }

    /// A word in a colour, if there are colours.
    pub fn word(&self, text: &str, style: impl Fn(Style) -> Style) -> String {
        style(Style::new().force_styling(self.color)).apply_to(text).to_string()
    }

    /// A text with verdicts, headers and links.
    pub fn text(&self, clean: &str) -> String {
        // Links first: they look at how wide a line is.
        let text = if self.links { self.linked(clean) } else { clean.to_owned() };
        if self.color { self.rows(&text) } else { text }
    }

    /// A text that a person decides by. Protected environments stand out in it.
    pub fn decision(&self, clean: &str) -> String {
        self.text(&self.danger(clean))
    }

    fn rows(&self, text: &str) -> String {
        let (Some(verdict), Some(header)) = (VERDICT.as_ref(), HEADER.as_ref()) else {
            return text.to_owned();
        };
        let text = header.replace_all(text, |found: &regex::Captures<'_>| {
            self.word(found.get(0).map_or("", |whole| whole.as_str()), |style| style.bold())
        });
        let painted = verdict.replace_all(&text, |found: &regex::Captures<'_>| {
            let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
            let word = part("word");
            match style_of(word) {
                Some(style) => {
                    let word = style.force_styling(self.color).apply_to(word);
                    format!("{}{word}{}", part("before"), part("after"))
                }
                None => found.get(0).map_or("", |whole| whole.as_str()).to_owned(),
            }
        });
        painted.into_owned()
    }

    /// Addresses as links of OSC 8. What is shown stays the same.
    fn linked(&self, text: &str) -> String {
        let Some(address) = ADDRESS.as_ref() else { return text.to_owned() };
        let line = |line: &str| {
            let is_full = self.width.is_some_and(|width| line.chars().count() >= width.into());
            let linked = address.replace_all(line, |found: &regex::Captures<'_>| {
                let (whole, end) =
                    found.get(0).map_or(("", 0), |whole| (whole.as_str(), whole.end()));
                match found.name("file") {
                    Some(file) => {
                        let file = file.as_str();
                        let before = whole.strip_suffix(file).unwrap_or_default();
                        format!("{before}{}", link(&file_url(file), file))
                    }
                    // A table may have cut it there, and half an address leads elsewhere.
                    None if is_full && end == line.len() => whole.to_owned(),
                    None => link(whole, whole),
                }
            });
            linked.into_owned()
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    fn danger(&self, text: &str) -> String {
        if !self.color || self.protected.is_empty() {
            return text.to_owned();
        }
        let mut painted = String::with_capacity(text.len());
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(next) = rest.chars().next() {
            let is_whole =
                |name: &&String| rest.strip_prefix(name.as_str()).is_some_and(ends_there);
            let found = self.protected.iter().find(is_whole).filter(|_| !before.is_some_and(joins));
            let length = found.map_or(next.len_utf8(), String::len);
            let (part, after) = rest.split_at(length);
            match found {
                Some(_) => painted.push_str(&self.word(part, |style| style.red().bold())),
                None => painted.push_str(part),
            }
            before = part.chars().last();
            rest = after;
        }
        painted
    }
}

/// Whether a character before a name makes it a part of a longer one, or of an address.
fn joins(before: char) -> bool {
    before.is_alphanumeric() || matches!(before, '-' | '_' | '.' | '/' | '@')
}

/// Whether a name ends where this follows: a dot may be the end of a sentence, or a host's.
fn ends_there(after: &str) -> bool {
    let mut next = after.chars();
    match next.next() {
        Some('.') => !next.next().is_some_and(char::is_alphanumeric),
        Some(other) => !joins(other),
        None => true,
    }
}

fn style_of(word: &str) -> Option<Style> {
    let style = Style::new();
    Some(match word {
        "pass" | "up" | "done" | "completed" => style.green(),
        "warn" | "waiting" => style.yellow(),
        "fail" | "failed" | "down" | "gone" | "lost" => style.red().bold(),
        "skip" | "skipped" => style.dim(),
        _ => return None,
    })
}

fn file_url(path: &str) -> String {
    url::Url::from_file_path(path).map_or_else(|()| format!("file://{path}"), Into::into)
}

fn link(url: &str, shown: &str) -> String {
    format!("\x1b]8;;{url}\x1b\\{shown}\x1b]8;;\x1b\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(color: bool, links: bool) -> Paint {
        Paint { color, links, width: Some(40), protected: Vec::new() }
            .protecting(vec!["production".to_owned(), "site-production".to_owned()])
    }

    #[test]
    fn a_text_without_colours_and_links_is_unchanged() {
        let text = "RESULT  CHECK\nfail  production  https://site.example/\nreport: /r.md";
        assert_eq!(paint(false, false).decision(text), text);
    }

    #[test]
    fn verdicts_and_headers_are_coloured_where_they_stand_alone_in_a_column() {
        let painted = paint(true, false).text("RESULT  CHECK\nfail  one\n  pass  two\nfail to do");
        let expected = "\x1b[1mRESULT  CHECK\x1b[0m\n\x1b[31m\x1b[1mfail\x1b[0m  one\n  \
                        \x1b[32mpass\x1b[0m  two\nfail to do";
        assert_eq!(painted, expected);
    }

    #[test]
    fn a_protected_environment_stands_out_and_a_longer_name_does_not() {
        let painted = paint(true, false).decision("to site-production, my-production, production.");
        let red = |name: &str| format!("\x1b[31m\x1b[1m{name}\x1b[0m");
        let (one, other) = (red("site-production"), red("production"));
        assert_eq!(painted, format!("to {one}, my-production, {other}."));
        let address = "https://production/ and production.example";
        assert_eq!(paint(true, false).decision(address), address);
    }

    #[test]
    fn addresses_become_links_without_the_punctuation_after_them() {
        let linked = paint(false, true).text("see https://a.example/b?c=d.\nreport: /x y.md");
        let expected = "see \x1b]8;;https://a.example/b?c=d\x1b\\https://a.example/b?c=d\
                        \x1b]8;;\x1b\\.\nreport: \x1b]8;;file:///x%20y.md\x1b\\/x y.md\x1b]8;;\x1b\\";
        assert_eq!(linked, expected);
        let cut = "pipeline  https://gitlab.example/a/b/-/p";
        assert_eq!(paint(false, true).text(cut), cut);
    }
}
