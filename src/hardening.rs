//! Protects a process that holds tokens: keeps its memory off the disk, and requests to this
//! machine away from proxies.

use std::env;

/// This machine, in the form of `NO_PROXY`. Old versions of curl do not support networks.
const THIS_MACHINE: &str = "localhost,127.0.0.1,127.0.0.0/8,::1";

/// Must be called first, while the process has one thread.
pub fn begin() {
    no_core_dumps();
    for (name, value) in without_proxy(&|name| env::var(name).ok()) {
        // SAFETY: this is the only thread, so nothing else reads the environment.
        unsafe { env::set_var(name, value) };
    }
}

/// Turns off core dumps, which would hold tokens and personal data. Child processes inherit the
/// limit, but not the other setting.
fn no_core_dumps() {
    let nothing = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for the call. A failure leaves the limit unchanged, and cannot
    // be reported yet.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const nothing) };
    #[cfg(target_os = "linux")]
    {
        // The limit does not apply to a pipe in core_pattern. This also stops other processes of
        // the user from reading the memory. SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    }
}

/// Both spellings of the variable, because curl and bcops's own client prefer different ones.
fn without_proxy(variable: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let names = ["NO_PROXY", "no_proxy"];
    let given = |name| variable(name).filter(|value| !value.trim().is_empty());
    let any = names.into_iter().find_map(given);
    let with_this_machine = |value: String| match value.trim() {
        "*" => value,
        _ => format!("{value},{THIS_MACHINE}"),
    };
    names
        .into_iter()
        .map(|name| {
            let value = given(name).or_else(|| any.clone());
            (name, value.map_or_else(|| THIS_MACHINE.to_owned(), with_this_machine))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_added_to_existing_values() {
        let with = |given: &'static [(&'static str, &'static str)]| {
            let variable = |name: &str| {
                given.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
            };
            without_proxy(&variable).into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(with(&[]), [THIS_MACHINE; 2]);
        let own = format!("a.example,{THIS_MACHINE}");
        assert_eq!(with(&[("no_proxy", "a.example")]), [own.clone(), own.clone()]);
        let both = with(&[("no_proxy", "a.example"), ("NO_PROXY", "b.example")]);
        assert_eq!(both, [format!("b.example,{THIS_MACHINE}"), own]);
        assert_eq!(with(&[("NO_PROXY", "*")]), ["*", "*"]);
    }
}
