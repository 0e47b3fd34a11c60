//! Where somebody looks.

/// Where somebody looks, and not a program or a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// At standard output, and wants colours.
    pub colours: bool,
    /// At standard error.
    pub progress: bool,
}
