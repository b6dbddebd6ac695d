//! Checks whether another process of this machine still runs.

use std::io;

/// Whether no process has this number. In a container only its own processes are visible.
pub fn is_gone(process: u32) -> bool {
    // Zero or a negative number would mean a group of processes.
    let Some(process) = libc::pid_t::try_from(process).ok().filter(|number| *number > 0) else {
        return false;
    };
    // SAFETY: takes two numbers; the signal 0 only asks whether the process exists.
    let answer = unsafe { libc::kill(process, 0) };
    let is_unknown = answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
    is_unknown || has_ended(process)
}

/// Whether the process has ended and its parent has not asked for its result. In a container the first
/// process may never ask. Only Linux says it.
fn has_ended(process: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    matches!(state, Some("Z" | "X"))
}

/// Distinguishes a process from a later one with the same number: the boot of the machine and the
/// tick in which the process began. `None` if the system does not report it.
pub fn beginning_of(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the beginning is the twentieth field after it.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}/{ticks}", boot.trim()))
}

/// Whether a beginning belongs to another boot of this machine, or to another machine.
pub fn is_of_another_boot(beginning: &str) -> bool {
    let this = beginning_of(std::process::id());
    let boot = |beginning: &str| beginning.split('/').next().map(str::to_owned);
    this.is_some_and(|this| boot(&this) != boot(beginning))
}

/// Whether the process with this number and this beginning still runs. If either beginning is
/// unknown, any process with the number counts.
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
    fn a_reused_number_is_another_process() {
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
        // It has ended although its parent has not asked for its result.
        while cfg!(target_os = "linux") && lives(child.id(), None) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.wait().expect("its end");
        assert!(!lives(child.id(), None));
    }
}
