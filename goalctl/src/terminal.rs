//! The capabilities of the terminal.

use std::ffi::OsString;

use console::Term;

/// The output streams that are connected to a terminal, not to a program or a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// `true` if standard output is a terminal and colours are not disabled.
    pub colours: bool,
    /// `true` if standard error is a terminal on which a line can be redrawn. Elsewhere progress is plain lines.
    pub progress: bool,
    /// How many columns standard output has; `None` if it is no terminal.
    pub width: Option<u16>,
}

impl Terminal {
    /// Returns the same with the width of standard output, if that is a terminal.
    #[must_use]
    pub fn measured(self) -> Self {
        Self { width: Term::stdout().size_checked().map(|(_, columns)| columns), ..self }
    }

    /// Returns the capabilities of streams that are terminals or not, as environment variables describe them: `NO_COLOR` with any
    /// value, and `TERM`, which is `dumb` or missing where nothing but text can be shown.
    pub fn of(out: bool, err: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let term = variable("TERM");
        // On Windows the variable is usually not set.
        let dumb = term.map_or(cfg!(unix), |term| term == "dumb");
        Self { colours: out && !plain && !dumb, progress: err && !dumb, width: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_can_do_it_gets_colours_and_a_bar() {
        let of = |(out, err): (bool, bool), variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
            let Terminal { colours, progress, .. } = Terminal::of(out, err, value);
            (colours, progress)
        };
        let (both, xterm) = ((true, true), ("TERM", "xterm-256color"));
        assert_eq!(of(both, &[xterm]), (true, true));
        assert_eq!(of(both, &[xterm, ("NO_COLOR", "1")]), (false, true));
        assert_eq!(of(both, &[xterm, ("NO_COLOR", "")]), (true, true), "an empty one is none (no-color.org)");
        assert_eq!(of(both, &[("TERM", "dumb")]), (false, false));
        assert_eq!(of((false, true), &[xterm]), (false, true));
        assert_eq!(of((true, false), &[xterm]), (true, false));
        #[cfg(unix)]
        assert_eq!(of(both, &[]), (false, false));
    }
}
