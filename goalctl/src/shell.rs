//! The streams, terminal and environment that a run of the tool uses.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::environment::Environment;
use crate::terminal::Terminal;
use crate::text::printable_json;

/// The streams, terminal and environment that a run of the tool uses.
pub struct Shell<'a> {
    /// Receives results.
    pub out: &'a mut dyn Write,
    /// Receives errors, prompts and progress.
    pub err: &'a mut dyn Write,
    /// Provides the answers to prompts; `None` if standard input is not a terminal.
    pub keyboard: Option<&'a mut dyn BufRead>,
    /// Provides a password for `--password-stdin`; `None` if standard input is a terminal.
    pub piped: Option<&'a mut dyn BufRead>,
    /// The capabilities of the terminal.
    pub terminal: Terminal,
    /// The environment variables and folders that the tool reads.
    pub environment: Environment,
}

impl Shell<'_> {
    /// Prints a result, as JSON or as text.
    pub(crate) fn show<T: Serialize>(&mut self, json: bool, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if json {
            writeln!(self.out, "{}", printable_json(&serde_json::to_string_pretty(value)?))?;
        } else {
            write!(self.out, "{}", text(value))?;
        }
        Ok(())
    }

    /// Asks a question that is answered with yes or no. Fails where there is nobody to ask.
    pub(crate) fn confirms(&mut self, question: &str) -> Result<bool> {
        let Some(keyboard) = &mut self.keyboard else {
            bail!("cannot ask for confirmation, as standard input is not a terminal: pass --yes");
        };
        write!(self.err, "{question} [y/N] ")?;
        self.err.flush()?;
        let mut answer = String::new();
        keyboard.read_line(&mut answer).context("cannot read the answer")?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}
