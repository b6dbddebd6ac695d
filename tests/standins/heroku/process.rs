//! Runs real commands: in a folder, with the app's config vars, on a terminal or on pipes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

const END_OF_INPUT: u8 = 4;

/// A running command.
pub struct Process {
    /// Of the group of processes: all of them end together.
    pub group: i32,
    pub input: mpsc::UnboundedSender<Vec<u8>>,
    /// Ends when no writer is left.
    pub output: mpsc::UnboundedReceiver<Vec<u8>>,
    child: Child,
}

impl Process {
    pub fn start(
        line: &str,
        environment: &BTreeMap<String, String>,
        folder: &Path,
        on_terminal: bool,
    ) -> io::Result<Process> {
        let mut command = Command::new("sh");
        // The launcher of cloud-native images. Other stacks do not have or call it.
        let line = format!("launcher() {{ \"$@\"; }}\n{line}");
        command.arg("-c").arg(line).current_dir(folder).env_clear();
        command.env("PATH", search_path(folder));
        command.env("HOME", folder).envs(environment);
        let (child, keyboard, screen) = if on_terminal {
            start_on_terminal(&mut command)?
        } else {
            start_on_pipes(&mut command)?
        };
        drop(command);
        let (input, typed) = mpsc::unbounded_channel();
        let (said, output) = mpsc::unbounded_channel();
        thread::spawn(move || type_in(keyboard, typed, on_terminal));
        thread::spawn(move || read_out(screen, &said));
        let group = child.id().try_into().expect("a process id");
        Ok(Process { group, input, output, child })
    }

    /// The exit status, once the output has ended.
    pub async fn wait(mut self) -> i32 {
        drop(self.input);
        let waiting = tokio::task::spawn_blocking(move || self.child.wait());
        let status = waiting.await.expect("no panic").expect("a status");
        std::os::unix::process::ExitStatusExt::signal(&status)
            .map_or_else(|| status.code().unwrap_or(1), |signal| 128 + signal)
    }
}

/// A buildpack's programs in the tree come first, as in a slug.
fn search_path(folder: &Path) -> OsString {
    let mut path = folder.join(".heroku/python/bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

/// Asks a group of processes to end, and kills it a moment later.
pub fn stop(group: i32) {
    let send = move |signal| {
        // SAFETY: the call takes two numbers. A group that has ended is an error without effect.
        unsafe { libc::kill(-group, signal) };
    };
    send(libc::SIGTERM);
    send(libc::SIGHUP);
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        send(libc::SIGKILL);
    });
}

fn start_on_pipes(command: &mut Command) -> io::Result<(Child, File, File)> {
    let (reader, writer) = io::pipe()?;
    command.process_group(0).stdin(Stdio::piped());
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    let keyboard = child.stdin.take().expect("a pipe");
    Ok((child, File::from(OwnedFd::from(keyboard)), File::from(OwnedFd::from(reader))))
}

fn start_on_terminal(command: &mut Command) -> io::Result<(Child, File, File)> {
    let (mut controller, mut terminal) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: the first two point to locals that outlive the call, and the others may be null.
    let result = unsafe {
        libc::openpty(&raw mut controller, &raw mut terminal, none, none.cast(), none.cast())
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so both are open and owned by this code.
    let (controller, terminal) =
        unsafe { (OwnedFd::from_raw_fd(controller), OwnedFd::from_raw_fd(terminal)) };
    // SAFETY: the calls are allowed between fork and exec. Without its own session the command
    // would not get Ctrl-C from this terminal, and it would ignore Ctrl-C if the tests' parent
    // does, like a shell for commands with `&`.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    let child = command.spawn()?;
    // The command keeps its ends of the terminal until these replace them.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child, File::from(controller.try_clone()?), File::from(controller)))
}

fn type_in(mut keyboard: File, mut typed: mpsc::UnboundedReceiver<Vec<u8>>, on_terminal: bool) {
    while let Some(mut bytes) = typed.blocking_recv() {
        // In a terminal the end of input is typed. A pipe must be closed.
        let is_end = !on_terminal && bytes.last() == Some(&END_OF_INPUT);
        if is_end {
            bytes.pop();
        }
        if keyboard.write_all(&bytes).is_err() || is_end {
            return;
        }
    }
    if on_terminal {
        // Closing this copy does not affect the command.
        drop(keyboard);
    }
}

fn read_out(mut screen: File, said: &mpsc::UnboundedSender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    // Reading fails when no process holds the terminal any longer.
    while let Ok(length @ 1..) = screen.read(&mut buffer) {
        if said.send(buffer[..length].to_vec()).is_err() {
            return;
        }
    }
}
