//! Writes a report as a page of Markdown.

use std::fmt::Write;

use serde_json::Value;

use super::evidence::Table;
use super::report::{Report, StepReport};
use crate::plain_text;

impl Report {
    pub fn to_markdown(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "# {} of {}: {}\n", line(&self.command), line(&self.target), self.status)?;
        let mut facts = vec![
            ("run", self.run.clone()),
            ("by", format!("{} on {}", self.who, self.host)),
            ("took", duration(self.seconds)),
            ("bcops", self.tool_version.clone()),
        ];
        if let Some(at) = self.started_at {
            facts.insert(1, ("began", format!("{at:.0}")));
        }
        if self.resumptions > 0 {
            facts.push(("resumed", times(self.resumptions)));
        }
        facts.extend(self.plan_digest.iter().map(|digest| ("plan", digest.clone())));
        facts.extend(self.identity.iter().map(|(name, value)| (name.as_str(), value.clone())));
        for (name, value) in facts {
            writeln!(page, "- {}: {}", line(name), line(&value))?;
        }
        self.write_overview(page)?;
        write_list(page, "Warnings", &self.warnings)?;
        for step in &self.steps {
            write_details(page, step)?;
        }
        let next: Vec<String> = self.next.iter().map(|one| format!("`{one}`")).collect();
        if !next.is_empty() {
            writeln!(page, "\n## What can be done next\n")?;
        }
        next.iter().try_for_each(|command| writeln!(page, "- {command}"))
    }

    fn write_overview(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "\n## Steps\n")?;
        writeln!(page, "| stage | step | outcome | time |\n|---|---|---|---|")?;
        for step in &self.steps {
            let outcome = match &step.reason {
                Some(reason) => format!("{}: {reason}", step.outcome),
                None => step.outcome.to_owned(),
            };
            let time = if step.seconds > 0.0 { duration(step.seconds) } else { String::new() };
            writeln!(
                page,
                "| {} | {} | {} | {time} |",
                line(&step.stage),
                line(&step.description),
                line(&outcome)
            )?;
        }
        Ok(())
    }
}

fn write_details(page: &mut String, step: &StepReport) -> std::fmt::Result {
    if step.facts.is_empty() && step.tables.is_empty() && step.undo_hint.is_none() {
        return Ok(());
    }
    writeln!(page, "\n## {}\n", line(&step.description))?;
    for fact in &step.facts {
        writeln!(page, "- {}: {}", line(&fact.name), cell(&fact.value))?;
    }
    if let Some(hint) = &step.undo_hint {
        let hint = plain_text::on_one_line(hint).replace('`', "'");
        writeln!(page, "- to put it back by hand: `{hint}`")?;
    }
    step.tables.iter().try_for_each(|table| write_table(page, table))
}

fn write_table(page: &mut String, table: &Table) -> std::fmt::Result {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    writeln!(page, "\n{}\n", line(&table.title))?;
    writeln!(page, "{}", row(table.columns.iter().map(|column| line(column)).collect()))?;
    writeln!(page, "|{}", "---|".repeat(table.columns.len()))?;
    for cells in &table.rows {
        writeln!(page, "{}", row(cells.iter().map(cell).collect()))?;
    }
    Ok(())
}

fn write_list(page: &mut String, title: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## {title}\n")?;
    items.iter().try_for_each(|item| writeln!(page, "- {}", line(item)))
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => line(text),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => line(&other.to_string()),
    }
}

/// Puts a text on one line and escapes Markdown, because titles of pages and names of branches can
/// contain anything.
fn line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in plain_text::on_one_line(text).chars() {
        if matches!(character, '|' | '<' | '>' | '*' | '`' | '[' | ']' | '\\') {
            clean.push('\\');
        }
        clean.push(character);
    }
    clean
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_neither_markdown_nor_escape_sequences() {
        let branch = "x\u{202e}gnp.| <img src=x> **b** `c` [l](u)\r\n# head\x1b[2J\u{2066}";
        let shown = line(branch);
        assert_eq!(shown, r"xgnp.\| \<img src=x\> \*\*b\*\* \`c\` \[l\](u)  # head\[2J");
        let hint = StepReport {
            id: "push".to_owned(),
            stage: "git".to_owned(),
            kind: "change",
            description: "Push".to_owned(),
            outcome: "done",
            reason: None,
            attempts: 1,
            seconds: 0.0,
            warnings: Vec::new(),
            facts: Vec::new(),
            tables: Vec::new(),
            undo_hint: Some("heroku `x`\n# \u{2067}y\x1b[1m".to_owned()),
        };
        let mut page = String::new();
        write_details(&mut page, &hint).unwrap();
        assert!(page.ends_with("- to put it back by hand: `heroku 'x' # y[1m`\n"), "{page:?}");
    }
}
