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

/// What tells a process from a later one with its number: the boot of the machine and the tick in
/// which the process began. `None` where the system does not say so.
pub fn beginning_of(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the beginning is the twentieth field after it.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}/{ticks}", boot.trim()))
}

/// Whether a beginning is of another boot of this machine, or of another machine.
pub fn is_of_another_boot(beginning: &str) -> bool {
    let this = beginning_of(std::process::id());
    let boot = |beginning: &str| beginning.split('/').next().map(str::to_owned);
    this.is_some_and(|this| boot(&this) != boot(beginning))
}

/// Whether the process that had this number and this beginning still runs. Where the beginning is
/// not known on either side, any process with the number counts.
pub fn lives(process: u32, beginning: Option<&str>) -> bool {
    if process == 0 || is_gone(process) {
        return false;
    }
    match (beginning, beginning_of(process)) {
        (Some(then), Some(now)) => then == now,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_given_again_is_another_process() {
        let this = std::process::id();
        let beginning = beginning_of(this);
        assert!(lives(this, beginning.as_deref()) && lives(this, None));
        if beginning.is_some() {
            assert!(!lives(this, Some("another-boot/1")));
            assert!(is_of_another_boot("another-boot/1"));
            assert!(!beginning.as_deref().is_some_and(is_of_another_boot));
        }
        assert!(!lives(0, None));
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        child.wait().expect("its end");
        assert!(!lives(child.id(), None));
    }
}
