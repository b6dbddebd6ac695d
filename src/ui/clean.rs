//! Cleans events of characters that would act on a terminal.

use std::borrow::Cow;

use crate::events::Event;
use crate::plain_text::for_screen;

/// Cleans every text of the event. Each block of a download is an event, so a clean text is not
/// copied.
pub fn event(mut event: Event) -> Event {
    let text = match &mut event {
        Event::Asking(text)
        | Event::StepStarted { description: text, .. }
        | Event::StepFinished { summary: text, .. }
        | Event::StepSkipped { summary: text, .. }
        | Event::StepFailed { summary: text, .. }
        | Event::Note(text)
        | Event::Warning(text) => text,
        Event::StepProgress { progress, .. } => &mut progress.current,
    };
    if let Cow::Owned(clean) = for_screen(text) {
        *text = clean;
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Progress, Unit};

    #[test]
    fn a_hostile_key_cannot_clear_the_screen_or_reverse_a_name() {
        let progress = |current: &str| Event::StepProgress {
            step: "media",
            progress: Progress { done: 1, total: None, unit: Unit::Items, current: current.into() },
        };
        let hostile = progress("images/\x1b[2J\u{202e}gpj.exe");
        assert_eq!(event(hostile), progress("images/[2Jgpj.exe"));
        let warning = Event::Warning("a\u{9b}31mb\nc".to_owned());
        assert_eq!(event(warning), Event::Warning("a31mb\nc".to_owned()));
    }
}
