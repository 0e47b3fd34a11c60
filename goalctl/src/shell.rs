//! What surrounds the tool.

use std::io::{BufRead, Write};

use anyhow::Result;
use serde::Serialize;

use crate::environment::Environment;
use crate::terminal::Terminal;

/// What surrounds the tool.
pub struct Shell<'a> {
    /// Results go here.
    pub out: &'a mut dyn Write,
    /// Errors, questions and progress go here.
    pub err: &'a mut dyn Write,
    /// Where answers come from, when somebody is there to give them.
    pub keyboard: Option<&'a mut dyn BufRead>,
    /// Where somebody looks.
    pub terminal: Terminal,
    /// What the environment says.
    pub environment: Environment,
}

impl Shell<'_> {
    /// Shows a result, as JSON or as text.
    pub(crate) fn show<T: Serialize>(&mut self, json: bool, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if json {
            writeln!(self.out, "{}", serde_json::to_string_pretty(value)?)?;
        } else {
            write!(self.out, "{}", text(value))?;
        }
        Ok(())
    }
}
