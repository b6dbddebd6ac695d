//! Starts `bcops`: reads the process, parses, runs, and gives the exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use bcops::cli::{self, Invocation};
use bcops::commands::{self, Context, Interrupt};
use bcops::failure::{CommandError, FailureKind};
use bcops::scrub::backup_file::discard_unfinished;
use bcops::settings::{ProcessEnv, Settings, SettingsError};
use bcops::ui::{self, Document, Options, Ui};

fn main() -> ExitCode {
    bcops::hardening::begin();
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() <= 1 && std::env::var_os(cli::complete::VARIABLE).is_none() {
        ui::print_bytes(cli::overview().as_bytes());
        return ExitCode::from(FailureKind::Usage.exit_code());
    }
    // A relative folder would lie in the clone of the working directory.
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let completed_for = std::env::var_os(cli::complete::VARIABLE);
    let settings = match completed_for {
        None => load_settings(&arguments, home.as_deref()),
        // The line to complete follows the first `--`.
        Some(_) => {
            let line = arguments.iter().skip_while(|argument| *argument != "--").skip(1);
            load_settings(&line.cloned().collect::<Vec<_>>(), home.as_deref())
        }
    };
    if let Some(shell) = completed_for {
        let answer = commands::complete::answer(&shell.to_string_lossy(), &arguments, &settings);
        ui::print_bytes(&answer);
        return ExitCode::SUCCESS;
    }
    let environments = match &settings {
        Ok(settings) => settings.environments.keys().cloned().collect(),
        // The command is parsed nevertheless: --help works with a broken file, and a fab name
        // reports what is wrong with the file instead of being unknown.
        Err(error) => error.known_environments(),
    };
    let invocation = match cli::parse(arguments.clone(), &environments) {
        Ok(invocation) => invocation,
        Err(message) => return report_usage(&arguments, &message),
    };
    let ui = Ui::new(options(&invocation));
    let ui = Arc::new(match &settings {
        Ok(settings) => configured(ui, settings),
        Err(_) => ui,
    });
    ui::log::start(&ui, std::env::var(ui::log::VARIABLE).ok().as_deref());
    let outcome = match settings {
        Ok(settings) => run(settings, None, &invocation, ui.clone(), home),
        Err(error) => without_configuration(error, &invocation, ui.clone(), home),
    };
    let command = invocation.command.name();
    let code = report(&ui, command, outcome);
    ui.notify(&format!("bcops {command} {}", if code == 0 { "is done" } else { "failed" }));
    ExitCode::from(code)
}

fn load_settings(
    arguments: &[std::ffi::OsString],
    home: Option<&Path>,
) -> Result<Settings, SettingsError> {
    with_process_env(cli::config_file(arguments).as_deref(), home, Settings::load)
}

fn with_process_env<T>(
    config_file: Option<&Path>,
    home: Option<&Path>,
    work: impl FnOnce(&ProcessEnv<'_>) -> T,
) -> T {
    work(&ProcessEnv {
        variable: &|name| std::env::var(name).ok(),
        working_directory: &std::env::current_dir().unwrap_or_default(),
        home,
        config_file,
    })
}

/// Runs the few commands that work, or show what is wrong, without the file that is at fault.
fn without_configuration(
    error: SettingsError,
    invocation: &Invocation,
    ui: Arc<Ui>,
    home: Option<PathBuf>,
) -> Result<commands::Outcome, CommandError> {
    let command = &invocation.command;
    let works = command.works_without_configuration()
        || (command.shows_missing_trust() && error.is_about_trust());
    if !works {
        return Err(error.into());
    }
    let settings = with_process_env(None, home.as_deref(), |process| {
        Settings::load_without_found_file(process).or_else(|_| Settings::built_in(process))
    })?;
    run(settings, Some(Arc::new(error)), invocation, ui, home)
}

fn configured(ui: Ui, settings: &Settings) -> Ui {
    let protected = settings.environments.values().filter(|one| one.protected);
    let names = protected.flat_map(|one| [one.name.clone(), one.app.value.clone()]);
    ui.configured(settings.notify, names.collect())
}

fn options(invocation: &Invocation) -> Options {
    let global = &invocation.global;
    Options {
        color: global.color,
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        no_input: global.no_input,
    }
}

fn run(
    settings: Settings,
    problem: Option<Arc<SettingsError>>,
    invocation: &Invocation,
    ui: Arc<Ui>,
    home: Option<PathBuf>,
) -> Result<commands::Outcome, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::new(FailureKind::Unexpected, "cannot start the runtime").with_cause(error)
        })?;
    let outcome = runtime.block_on(async {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(watch_signals(sender, ui.clone(), invocation.command.name()));
        let context = Context { settings, problem, ui, interrupt: Interrupt::new(receiver), home };
        commands::run(&context, &invocation.command).await
    });
    // A thread may still wait for a server that does not answer; it must not delay the end.
    runtime.shutdown_background();
    outcome
}

/// Handles Ctrl-C. The first one lets the work stop at a safe point; at a question, or pressed
/// twice, it ends the program at once. The cursor is always shown again.
async fn watch_signals(interrupted: watch::Sender<bool>, ui: Arc<Ui>, command: &'static str) {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if ui::is_asking() || *interrupted.borrow() {
            ui::give_cursor_back();
            discard_unfinished();
            if ui.json() {
                let error = CommandError::new(FailureKind::Interrupted, "interrupted");
                ui::print_document(&Document::failed(command, &error), &ui.warnings());
            }
            std::process::exit(i32::from(FailureKind::Interrupted.exit_code()));
        }
        interrupted.send_replace(true);
    }
}

/// Prints help, or an error of the command line. With `--json` the error is a document as well.
fn report_usage(arguments: &[std::ffi::OsString], message: &clap::Error) -> ExitCode {
    // A closed pipe needs no message.
    let _ = message.print();
    if message.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let mut words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
        let command = words.find(|word| !word.starts_with('-')).unwrap_or_default();
        let text = message.to_string();
        let text = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        // A misspelt command has no help of its own.
        let help = match message.kind() {
            ErrorKind::InvalidSubcommand => "bcops --help".to_owned(),
            _ => format!("bcops {command} --help"),
        };
        let error = CommandError::new(FailureKind::Usage, text).hint(help);
        let ui = Ui::new(Options {
            color: ui::ColorChoice::Never,
            json: true,
            quiet: true,
            verbose: 0,
            no_input: true,
        });
        ui.document(&Document::failed(command, &error));
    }
    ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2))
}

/// Prints the outcome and gives the exit code.
fn report(ui: &Ui, command: &str, outcome: Result<commands::Outcome, CommandError>) -> u8 {
    match outcome {
        Ok(outcome) => {
            if ui.json() {
                let all_well = outcome.exit_code == 0;
                ui.document(&Document::done(command, outcome.result, all_well));
            } else {
                ui.result(&outcome.text);
            }
            outcome.exit_code
        }
        Err(error) => {
            if ui.json() {
                ui.document(&Document::failed(command, &error));
            }
            ui.error(&error);
            error.kind.exit_code()
        }
    }
}
