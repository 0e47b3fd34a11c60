//! The capabilities of the terminal.

/// The output streams that are connected to a terminal, not to a program or a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// `true` if standard output is a terminal and colours are not disabled.
    pub colours: bool,
    /// `true` if standard error is a terminal.
    pub progress: bool,
}
