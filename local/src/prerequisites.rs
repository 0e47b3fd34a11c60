//! Required software. The commands install everything else themselves, only in the checkout's target folder and
//! `infra/node_modules`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

/// Major and minor version.
type Version = (u32, u32);

const PYTHON: Version = (3, 10);
const NODE: Version = (20, 19);

/// A Python that is new enough, with support for virtual environments.
pub fn python() -> Result<PathBuf> {
    let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
    let found: Vec<(&str, Version)> = names.iter().filter_map(|name| Some((*name, version(name)?))).collect();
    let Some((name, _)) = found.iter().find(|(_, version)| *version >= PYTHON) else {
        bail!(wanted("Python", PYTHON, found.first().map(|(_, v)| *v), "https://www.python.org/downloads/"));
    };
    let venv = Command::new(name).args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    ensure!(
        venv.is_ok_and(|s| s.success()),
        "Python's venv module is missing: install python3-venv (Debian, Ubuntu) or a complete Python"
    );
    Ok(PathBuf::from(name))
}

/// Checks that Node.js is installed and new enough.
pub fn node() -> Result<()> {
    let found = version("node");
    ensure!(found.is_some_and(|v| v >= NODE), wanted("Node.js", NODE, found, "https://nodejs.org/"));
    Ok(())
}

/// The location of Node.js: a version manager installs it outside the usual folders.
pub fn node_folder() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).find(|folder| folder.join("node").is_file())
}

/// Checks that npm is installed. It comes with Node.js, but some systems package it separately.
pub fn npm() -> Result<()> {
    ensure!(version("npm").is_some(), "npm is missing: install it with Node.js from https://nodejs.org/");
    Ok(())
}

/// Returns `true` if Java is installed with its compiler.
pub fn has_java() -> bool {
    ["java", "javac"].iter().all(|name| version(name).is_some())
}

fn wanted(what: &str, least: Version, found: Option<Version>, from: &str) -> String {
    let found = found.map_or("it is missing".to_owned(), |(major, minor)| format!("found {major}.{minor}"));
    format!("{what} {}.{} or newer is needed, {found}: install it from {from}", least.0, least.1)
}

fn version(program: &str) -> Option<Version> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    // A version manager's shim for a program that is not installed fails.
    output.status.success().then(|| parse(&String::from_utf8_lossy(&output.stdout)))?
}

/// The first two numbers of a program's version output.
fn parse(said: &str) -> Option<Version> {
    let start = said.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = said[start..].split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_say_them() {
        assert_eq!(parse("Python 3.11.7\n"), Some((3, 11)));
        assert_eq!(parse("Python 3.14.0rc1\n"), Some((3, 14)));
        assert_eq!(parse("v20.20.2\n"), Some((20, 20)));
        assert_eq!(parse("11.19.1\n"), Some((11, 19)));
        assert_eq!(parse("Python was not found"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_version_is_compared_by_number() {
        assert!(parse("Python 3.9.18") < Some(PYTHON) && parse("Python 3.10.0") >= Some(PYTHON));
        assert!(parse("v9.11.2") < Some(NODE));
    }

    #[test]
    fn a_missing_or_old_program_gives_one_line() {
        let old = wanted("Node.js", NODE, Some((18, 19)), "https://nodejs.org/");
        assert_eq!(old, "Node.js 20.19 or newer is needed, found 18.19: install it from https://nodejs.org/");
        let missing = wanted("Python", PYTHON, None, "https://www.python.org/downloads/");
        assert!(missing.contains("3.10 or newer is needed, it is missing: install it"), "{missing}");
    }
}
