//! Prints the log that `-v`, `-vv` or `BCOPS_LOG` asks for, on stderr among the other lines.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Weak};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::Ui;
use crate::secret::redacted;

/// Filters the log. It comes before `-v`.
pub const VARIABLE: &str = "BCOPS_LOG";

/// Only lines of bcops are shown: those of other crates may hold headers and bodies.
const OWN: &str = "bcops";

/// Begins to log on this screen. `wanted` is the value of [`VARIABLE`].
pub fn start(ui: &Arc<Ui>, wanted: Option<&str>) {
    let wanted = wanted.map(str::trim).filter(|wanted| !wanted.is_empty());
    let level = match ui.options.verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = match wanted.map(str::parse) {
        None => Targets::new().with_target(OWN, level),
        Some(Ok(filter)) => filter,
        Some(Err(_)) => {
            ui.message(&format!(
                "warning: {VARIABLE} is not a filter, so bcops ignores it; write for example {OWN}=debug"
            ));
            return;
        }
    };
    let layer = ToScreen(Arc::downgrade(ui)).with_filter(filter);
    // Only tests start twice in a process, and the first log does for them.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
}

/// Does not own the screen, which the end of the program clears.
struct ToScreen(Weak<Ui>);

impl<S: Subscriber> Layer<S> for ToScreen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        let is_own = target == OWN || target.starts_with("bcops::");
        if let (true, Some(ui)) = (is_own, self.0.upgrade()) {
            let mut line = Line::default();
            event.record(&mut line);
            let part = target.rsplit("::").next().unwrap_or(target);
            ui.question(&redacted(&format!("{part}: {}{}", line.message, line.fields)));
        }
    }
}

/// The sentence of an event, and its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
