//! Runs a program on its own terminal, and plays a person who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
const UNTIL_KILLED: Duration = Duration::from_secs(10);

/// The keyboard's and the screen's end of a terminal.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Ends when no process holds the terminal any longer.
    reader: Option<JoinHandle<()>>,
}

/// A test that fails leaves no program behind. One that started servers ends them on SIGTERM.
impl Drop for Terminal {
    fn drop(&mut self) {
        let has_ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        if has_ended(&mut self.child) {
            return;
        }
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let started = Instant::now();
        while !has_ended(&mut self.child) && started.elapsed() < UNTIL_KILLED {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Wide enough that no message wraps.
const WIDE: u16 = 400;

/// Both ends of a new terminal.
fn open(columns: u16) -> (OwnedFd, OwnedFd) {
    let mut size = libc::winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut controller, mut terminal) = (-1, -1);
    // SAFETY: all pointers are to locals that outlive the call, or null where that is allowed.
    let result = unsafe {
        libc::openpty(
            &raw mut controller,
            &raw mut terminal,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &raw mut size,
        )
    };
    assert_eq!(result, 0, "no terminal: {}", std::io::Error::last_os_error());
    // SAFETY: the call succeeded, so both are open and owned by this code.
    unsafe { (OwnedFd::from_raw_fd(controller), OwnedFd::from_raw_fd(terminal)) }
}

impl Terminal {
    /// Starts the program with the terminal as its input, output and error output.
    pub fn start(command: &mut Command) -> Terminal {
        Terminal::start_with_columns(command, WIDE)
    }

    /// The same on a terminal of this width, which can do what terminals do.
    pub fn start_with_columns(command: &mut Command, columns: u16) -> Terminal {
        if columns != WIDE {
            command.env("TERM", "xterm-256color");
        }
        let (controller, terminal) = open(columns);
        let copy = || Stdio::from(terminal.try_clone().expect("a copy of the terminal"));
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let child = command.spawn().expect("the program");
        // Otherwise the reader would never see the end, because the command keeps its copies.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(terminal);
        let mut output = File::from(controller.try_clone().expect("a copy of the other end"));
        let screen = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when no process holds the terminal any longer.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                seen.lock().expect("no panic").extend_from_slice(&buffer[..length]);
            }
        });
        Terminal { child, keyboard: File::from(controller), screen, reader: Some(reader) }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("no panic")).into_owned()
    }

    /// Like `text`, without colours and links.
    pub fn plain_text(&self) -> String {
        console::strip_ansi_codes(&self.text()).into_owned()
    }

    /// Waits until this is on the screen, in whatever colours.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let started = Instant::now();
        while !self.text().contains(text) && !self.plain_text().contains(text) {
            assert!(started.elapsed() < PATIENCE, "no `{text}` came, but:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until this is on the screen this many times.
    #[track_caller]
    pub fn wait_for_nth(&self, text: &str, times: usize) {
        let started = Instant::now();
        while self.plain_text().matches(text).count() < times {
            assert!(started.elapsed() < PATIENCE, "no `{text}` came, but:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    pub fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).expect("a keyboard");
    }

    /// Types hidden input. Input before the program hides it is discarded, as in every program that
    /// asks for a password.
    #[track_caller]
    pub fn type_hidden_line(&mut self, line: &str) {
        let started = Instant::now();
        while self.settings()[0] & u64::from(libc::ECHO) != 0 {
            assert!(started.elapsed() < PATIENCE, "what is typed is still shown:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
        self.type_line(line);
    }

    /// Keys without a line end, as a program in raw mode reads them.
    pub fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("a keyboard");
    }

    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal to the program, not through the keyboard.
    pub fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(killed.expect("the program kill").success());
    }

    /// The terminal's settings: of local, input and output modes.
    pub fn settings(&self) -> [u64; 3] {
        let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is valid, and the value is only used if the call has filled it.
        let settings = unsafe {
            let read = libc::tcgetattr(self.keyboard.as_raw_fd(), settings.as_mut_ptr());
            assert_eq!(read, 0, "{}", std::io::Error::last_os_error());
            settings.assume_init()
        };
        [settings.c_lflag.into(), settings.c_iflag.into(), settings.c_oflag.into()]
    }

    /// Whether keys are shown and lines collected, as in a shell.
    pub fn is_raw(&self) -> bool {
        self.settings()[0] & u64::from(libc::ICANON | libc::ECHO | libc::ISIG) == 0
    }

    /// Waits for the end of the program, and keeps the terminal open for checks.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the program does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The exit code, and everything on the screen.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, String) {
        let code = self.wait_for_end();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the screen");
        }
        (code, self.text())
    }
}
