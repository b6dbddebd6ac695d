//! Whether another process of this machine still runs: for what it may have left behind.

use std::io;

/// Whether no process has this number. In a container only its own processes can be seen.
pub fn is_gone(process: u32) -> bool {
    // A number that is not above 0 would mean a group of processes.
    let Some(process) = libc::pid_t::try_from(process).ok().filter(|number| *number > 0) else {
        return false;
    };
    // SAFETY: takes two numbers; the signal 0 only asks whether the process is there.
    let answer = unsafe { libc::kill(process, 0) };
    answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}
