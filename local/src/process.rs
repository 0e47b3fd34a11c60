//! Runs other programs.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use crate::interrupt::{self, Leftover};

/// The names of this machine.
const THIS_MACHINE: &str = "localhost,127.0.0.1,::1";
/// How many lines of a failed program's output are shown.
const SHOWN_LINES: usize = 40;

/// Runs a program with its output on the screen.
pub fn run(command: &mut Command) -> Result<()> {
    let mut child = spawn(command.stdin(Stdio::null()))?;
    let guard = interrupt::guard(Leftover::Tool(pid(&child)));
    let status = child.wait();
    guard.disarm();
    let status = status?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status})", shown(command));
}

/// Runs a program and returns what it prints; its output is shown only when it fails.
pub fn quietly(command: &mut Command) -> Result<String> {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let guard = interrupt::guard(Leftover::Tool(pid(&child)));
    let output = child.wait_with_output();
    guard.disarm();
    let Output { status, stdout, stderr } = output?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = [stdout, stderr].map(|o| String::from_utf8_lossy(&o).into_owned()).join("\n");
    bail!("`{}` failed ({status}):\n{}", shown(command), last_lines(&said));
}

/// The end of a long text.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// A process id for signals.
pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Starts a program.
pub fn spawn(command: &mut Command) -> Result<Child> {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    command.envs(without_proxy_here(variables));
    command.spawn().with_context(|| format!("cannot run `{}`", shown(command)))
}

/// Returns the variables with which a program does not ask a proxy for this machine, where the environment names one: most talk to
/// an emulator or a server here.
fn without_proxy_here(variables: impl Iterator<Item = (String, String)>) -> Vec<(&'static str, String)> {
    let proxies: BTreeMap<String, String> = variables.filter(|(name, _)| is_of_proxies(name)).collect();
    if !proxies.keys().any(|name| !name.eq_ignore_ascii_case("no_proxy")) {
        return Vec::new();
    }
    // Some programs read the one, some the other.
    ["no_proxy", "NO_PROXY"]
        .map(|name| (name, proxies.get(name).or_else(|| proxies.get("NO_PROXY"))))
        .map(|(name, hosts)| {
            let hosts = hosts.filter(|hosts| !hosts.is_empty()).map(|hosts| format!("{hosts},")).unwrap_or_default();
            (name, format!("{hosts}{THIS_MACHINE}"))
        })
        .into()
}

/// Returns `true` for a variable that names a proxy, or what is not for one.
pub fn is_of_proxies(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("_proxy")
}

/// A command line as text, without its environment and without the path of its program.
pub fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_the_program_said() {
        let failed = quietly(Command::new("sh").args(["-c", "echo out; echo why >&2; exit 3"])).unwrap_err();
        let text = failed.to_string();
        assert!(text.contains("out") && text.contains("why") && text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let failed = quietly(&mut Command::new("/nowhere/no-such-program")).unwrap_err();
        assert_eq!(failed.to_string(), "cannot run `no-such-program`");
    }

    #[test]
    fn no_program_asks_a_proxy_for_this_machine() {
        let of = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            without_proxy_here(variables.collect::<Vec<_>>().into_iter())
        };
        assert_eq!(of(&[("PATH", "/bin"), ("NO_PROXY", "a")]), []);
        let here = |hosts: &str| [("no_proxy", hosts.to_owned()), ("NO_PROXY", hosts.to_owned())];
        for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
            assert_eq!(of(&[(name, "http://proxy.example:3128")]), here("localhost,127.0.0.1,::1"), "{name}");
        }
        let both = [("all_proxy", "socks5://p"), ("NO_PROXY", "a.example,.b.example")];
        assert_eq!(of(&both), here("a.example,.b.example,localhost,127.0.0.1,::1"));
        let small = [("all_proxy", "socks5://p"), ("no_proxy", "a.example")];
        assert_eq!(of(&small)[0].1, "a.example,localhost,127.0.0.1,::1");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        let text = (0..100).map(|i| i.to_string()).collect::<Vec<_>>().join("\n");
        assert!(last_lines(&text).starts_with("60\n") && last_lines(&text).ends_with("99"));
    }
}
