//! What a process that holds tokens does at its very beginning: nothing of its memory reaches a disk,
//! and nothing that is meant for this machine goes through a proxy.

use std::env;

/// This machine, in the words that `NO_PROXY` has. Old versions of curl know no networks.
const THIS_MACHINE: &str = "localhost,127.0.0.1,127.0.0.0/8,::1";

/// To be called before anything else, while the process has one thread.
pub fn begin() {
    no_core_dumps();
    for (name, value) in without_proxy(&|name| env::var(name).ok()) {
        // SAFETY: this is the only thread, so that nothing reads the environment meanwhile.
        unsafe { env::set_var(name, value) };
    }
}

/// A dump would hold tokens, and rows of people. Child processes inherit the limit, and not the other
/// setting, which belongs to a program.
fn no_core_dumps() {
    let nothing = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for the call. A failure leaves the limit as it was, and there is
    // nobody to tell yet.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const nothing) };
    #[cfg(target_os = "linux")]
    {
        // A pipe in core_pattern is not held by the limit. This also keeps other processes of the user
        // from reading the memory.
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    }
}

/// Both spellings of the variable, as curl and this program's own client prefer one each.
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
    fn this_machine_is_added_to_what_is_there() {
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
