//! Holds the terminal in raw mode while a program on a dyno uses it.
//!
//! The terminal is restored when the guard is dropped, also by a panic. Code that ends the process in
//! another way calls [`give_back`]. After SIGKILL the terminal stays raw.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, Once, PoisonError};

/// The terminal that is in raw mode, and its settings before that.
static BEFORE: Mutex<Option<(RawFd, libc::termios)>> = Mutex::new(None);

/// While this lives, keys are passed on unchanged, and nothing is echoed.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Only one terminal can be in raw mode at a time, and it has to stay open.
    ///
    /// # Errors
    /// Where this is not a terminal.
    pub fn enter(terminal: BorrowedFd<'static>) -> io::Result<RawMode> {
        give_back_before_a_panic_is_reported();
        let terminal = terminal.as_raw_fd();
        let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is valid, and the value is only used where the call has filled it.
        let before = unsafe {
            if libc::tcgetattr(terminal, settings.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            settings.assume_init()
        };
        let mut raw = before;
        // SAFETY: the pointer is to a local that the system has filled.
        unsafe { libc::cfmakeraw(&raw mut raw) };
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal, before));
        // SAFETY: the pointer is to a local that outlives the call.
        if unsafe { libc::tcsetattr(terminal, libc::TCSADRAIN, &raw const raw) } != 0 {
            let error = io::Error::last_os_error();
            give_back();
            return Err(error);
        }
        Ok(RawMode(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        give_back();
    }
}

/// Restores the terminal's settings, if it is in raw mode. Safe to call at any time, repeatedly.
pub fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((terminal, settings)) = before {
        // SAFETY: the settings are those that the system itself gave. A failure leaves the terminal
        // as it is, and cannot be reported.
        unsafe { libc::tcsetattr(terminal, libc::TCSANOW, &raw const settings) };
    }
}

/// Without this, the lines of a panic's message run down the screen as stairs.
fn give_back_before_a_panic_is_reported() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            report(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::os::fd::{FromRawFd, OwnedFd};

    use super::*;

    fn flags(terminal: RawFd) -> (u64, u64) {
        let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is valid, and the value is only used where the call has filled it.
        let settings = unsafe {
            assert_eq!(libc::tcgetattr(terminal, settings.as_mut_ptr()), 0);
            settings.assume_init()
        };
        (settings.c_lflag.into(), settings.c_oflag.into())
    }

    /// One test, because a process has one terminal.
    #[test]
    fn the_terminal_is_restored_however_it_ends() {
        let (mut controller, mut terminal) = (-1, -1);
        let none = std::ptr::null_mut();
        // SAFETY: the first two point to locals that outlive the call; the others may be null.
        let opened = unsafe {
            libc::openpty(&raw mut controller, &raw mut terminal, none, none.cast(), none.cast())
        };
        assert_eq!(opened, 0);
        // SAFETY: the call succeeded, so both are open; they stay open until the test ends.
        let (_controller, held, fd) = unsafe {
            let held = OwnedFd::from_raw_fd(terminal);
            (OwnedFd::from_raw_fd(controller), held, BorrowedFd::borrow_raw(terminal))
        };
        let before = flags(terminal);
        assert_ne!(before.0 & u64::from(libc::ECHO), 0);

        let raw = RawMode::enter(fd).expect("a terminal");
        assert_eq!(flags(terminal).0 & u64::from(libc::ECHO | libc::ICANON | libc::ISIG), 0);
        drop(raw);
        assert_eq!(flags(terminal), before);

        let panicked = std::thread::spawn(move || {
            let _raw = RawMode::enter(fd).expect("a terminal");
            panic!("a defect");
        });
        assert!(panicked.join().is_err());
        assert_eq!(flags(terminal), before);

        let raw = RawMode::enter(fd).expect("a terminal");
        give_back();
        assert_eq!(flags(terminal), before);
        drop(raw);
        assert_eq!(flags(terminal), before);
        drop(held);

        let file = std::fs::File::open("Cargo.toml").expect("a file");
        // SAFETY: the file stays open until after the call.
        let not_a_terminal = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
        assert!(RawMode::enter(not_a_terminal).is_err());
    }
}
