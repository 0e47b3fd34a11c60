//! Named variables: those of the environment, or of a test.

use super::ConfigError;

/// Returns the value of a variable that is set.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Variables whose names begin with a prefix.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a> {
    read: Read<'a>,
    prefix: &'static str,
}

impl<'a> Variables<'a> {
    /// All variables.
    pub(super) fn new(read: Read<'a>) -> Self {
        Self { read, prefix: "" }
    }

    /// Those that begin with this prefix, without it.
    pub(super) fn prefixed(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// The value, if it is set.
    pub(super) fn get(self, name: &str) -> Option<String> {
        (self.read)(&self.name(name))
    }

    /// The value, which must be set.
    pub(super) fn required(self, name: &str) -> Result<String, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::Missing(self.name(name)))
    }

    /// The value, if it is set; then it must be valid.
    pub(super) fn optional<T>(
        self,
        name: &str,
        shape: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.malformed(name, format!("{text:?} is not {shape}")))
    }

    /// One of the named values, or the default.
    pub(super) fn one_of<T: Copy + Default>(self, name: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        let shape = format!("one of {}", names.join(", "));
        let found =
            self.optional(name, &shape, |text| known.iter().find(|(name, _)| *name == text).map(|(_, t)| *t))?;
        Ok(found.unwrap_or_default())
    }

    /// The error of a value that is not valid.
    pub(super) fn malformed(self, name: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Malformed { name: self.name(name), reason: reason.into() }
    }

    fn name(self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
