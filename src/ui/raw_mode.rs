//! The terminal in raw mode, for as long as somebody else's program uses it.
//!
//! It is given back when the guard goes, which a panic does as well, and by whoever ends the process
//! in another way: [`give_back`]. Only SIGKILL leaves it as it is.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, Once, PoisonError};

/// The terminal that is in raw mode, and its settings from before.
static BEFORE: Mutex<Option<(RawFd, libc::termios)>> = Mutex::new(None);

/// While this lives, keys are passed on as they are, and nothing is echoed.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Only one terminal can be in raw mode at a time. It has to stay open meanwhile.
    ///
    /// # Errors
    /// Where this is no terminal.
    pub fn enter(terminal: BorrowedFd<'static>) -> io::Result<RawMode> {
        give_back_before_panics_are_told();
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

/// Puts the terminal's settings back, if it is in raw mode. Safe to call at any time, repeatedly.
pub fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((terminal, settings)) = before {
        // SAFETY: the settings are those that the system itself gave. A failure leaves the terminal
        // as it is, and there is nobody to tell.
        unsafe { libc::tcsetattr(terminal, libc::TCSANOW, &raw const settings) };
    }
}

/// The message of a panic would run down the screen as stairs.
fn give_back_before_panics_are_told() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            tell(panic);
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

    /// One test, as there is one terminal for all of a process.
    #[test]
    fn the_terminal_is_given_back_however_it_ends() {
        let (mut controller, mut terminal) = (-1, -1);
        let none = std::ptr::null_mut();
        // SAFETY: the first two point to locals that outlive the call; the others may be null.
        let opened = unsafe {
            libc::openpty(&raw mut controller, &raw mut terminal, none, none.cast(), none.cast())
        };
        assert_eq!(opened, 0);
        // SAFETY: the call succeeded, so that both are open; they stay so until the test ends.
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
        let no_terminal = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
        assert!(RawMode::enter(no_terminal).is_err());
    }
}
