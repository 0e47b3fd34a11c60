//! Runs a build of cargo and shows how far it is: the first one takes minutes.

use std::io::{BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt::{self, Leftover};
use crate::process::{self, last_lines};
use crate::step::{Clock, note, step_with};

/// The least time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The width of cargo's own bar, of which only the text is used.
const WIDTH: &str = "200";

/// Builds. What cargo says is shown when it fails, and meanwhile what it is doing.
pub(crate) fn run(what: &str, build: &mut Command) -> Result<()> {
    step_with(&format!("{what} built"), |clock| {
        build.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", WIDTH);
        build.env("CARGO_TERM_COLOR", "never");
        let mut child = process::spawn(build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let guard = interrupt::guard(Leftover::Tool(process::pid(&child)));
        let output = child.stderr.take().context("cargo has no output")?;
        let said = follow(output, &mut Shown::new(clock))?;
        let status = child.wait();
        guard.disarm();
        let status = status?;
        if !status.success() {
            bail!("`{}` failed ({status}):\n{}", process::shown(build), last_lines(&said));
        }
        Ok(())
    })
}

/// Reads what cargo says to its end. Its progress goes to the display; the rest is returned.
fn follow(output: impl Read, shown: &mut Shown<'_>) -> Result<String> {
    let mut said = String::new();
    let mut line = Vec::new();
    for byte in BufReader::new(output).bytes() {
        match byte? {
            // Cargo draws its progress over the line before.
            end @ (b'\r' | b'\n') => {
                let text = String::from_utf8_lossy(&line);
                match progress(&text) {
                    Some(progress) => shown.show(progress),
                    None if end == b'\n' && !text.trim().is_empty() => said = said + &text + "\n",
                    None => {}
                }
                line.clear();
            }
            byte => line.push(byte),
        }
    }
    Ok(said + &String::from_utf8_lossy(&line))
}

/// How far cargo is.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// What it is loading, as it says it.
    Downloading(String),
    /// Of the crates, so many are done.
    Building { done: u32, all: u32 },
}

/// Reads cargo's progress: `   Building [==>   ] 12/334: serde, tokio`, `  Downloaded 12 crates`, `    Fetch [...]`.
fn progress(line: &str) -> Option<Progress> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{1b}');
    let (verb, rest) = line.split_once(' ')?;
    match verb {
        "Building" => {
            let numbers = rest.rsplit(']').next()?.split(':').next()?;
            let (done, all) = numbers.trim().split_once('/')?;
            Some(Progress::Building { done: done.parse().ok()?, all: all.parse().ok()? })
        }
        "Downloading" | "Downloaded" | "Fetch" | "Updating" => Some(Progress::Downloading(line.trim().to_owned())),
        _ => None,
    }
}

/// The progress as it is shown: on a terminal in the step's line, elsewhere by a line now and then.
struct Shown<'a> {
    clock: &'a Clock,
    last_line: Instant,
}

impl<'a> Shown<'a> {
    fn new(clock: &'a Clock) -> Self {
        Self { clock, last_line: Instant::now() }
    }

    fn show(&mut self, progress: Progress) {
        let text = match progress {
            Progress::Downloading(text) => text,
            Progress::Building { done, all } => format!("{done} of {all} crates compiled"),
        };
        self.clock.say(&text);
        if self.clock.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            note(&format!("  {text}"));
            self.last_line = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_its_progress_is_read() {
        let bar = "    Building [=====>                 ] 12/334: serde, tokio(build)";
        assert_eq!(progress(bar), Some(Progress::Building { done: 12, all: 334 }));
        let loading = progress("  Downloaded 12 crates (1.2 MB) in 0.3s").unwrap();
        assert_eq!(loading, Progress::Downloading("Downloaded 12 crates (1.2 MB) in 0.3s".to_owned()));
        for other in
            ["   Compiling serde v1.0.0", "error[E0308]: mismatched types", "    Building", "", "Building [ x/2"]
        {
            assert_eq!(progress(other), None, "{other}");
        }
    }

    #[test]
    fn errors_are_kept_and_progress_is_not() {
        let clock = Clock::hidden();
        let said = "    Building [> ] 1/2: a\r   Compiling a v0.1.0\nerror: no\n    Building [>] 2/2\rerror: the end";
        let kept = follow(said.as_bytes(), &mut Shown::new(&clock)).unwrap();
        assert_eq!(kept, "   Compiling a v0.1.0\nerror: no\nerror: the end");
    }
}
