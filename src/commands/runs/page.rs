//! Converts a report into one HTML page without scripts, links or other files.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use crate::runbook::Report;

/// Nothing on the page may load or run anything, whatever a branch or a page is called.
const BEFORE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
"#;

const STYLE: &str = "<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #bbb; padding: .25rem .5rem; text-align: left; vertical-align: top; }
code { background: #eee; padding: 0 .2rem; }
</style>
";

pub fn of(report: &Report) -> String {
    let title = format!("{} of {}: {}", report.command, report.target, report.status);
    page(&title, &report.to_markdown())
}

fn page(title: &str, markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(harmless);
    let mut body = String::new();
    html::push_html(&mut body, events);
    let mut escaped = String::new();
    html::push_html(&mut escaped, std::iter::once(Event::Text(title.into())));
    format!(
        "{BEFORE}<title>{escaped}</title>\n{STYLE}</head>\n<body>\n{}\n</body>\n</html>",
        body.trim_end()
    )
}

/// Tags in the text become text, and links and images keep only their words.
fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
        | Event::End(TagEnd::Link | TagEnd::Image | TagEnd::HtmlBlock) => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_links_of_others_are_text() {
        let markdown = "# a\n\n<script>alert(1)</script>\n\n| b |\n|---|\n| <img src=x> [c](javascript:d) |\n\n![e](http://f)";
        let page = page("g </title><script>", markdown);
        for tag in ["<script", "<img", "href", "src=\"", "</title><script"] {
            assert!(!page.contains(tag), "{tag}: {page}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("<td>"), "{page}");
        assert!(page.contains("<title>g &lt;/title&gt;&lt;script&gt;</title>"), "{page}");
    }
}
