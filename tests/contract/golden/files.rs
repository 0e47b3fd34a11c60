//! The golden files: a folder for each release.

use std::collections::BTreeMap;
use std::path::PathBuf;

use goal_activity_events::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::Rows;

/// The contents of the tables and the archive at one point in time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// The time of it.
    pub(super) at: Timestamp,
    #[serde(flatten)]
    pub(super) rows: Rows,
    /// The archive: its lines by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) archive: BTreeMap<String, String>,
}

/// The files of one release.
#[derive(Debug, Clone)]
pub(super) struct Release(PathBuf);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract/golden")
}

impl Release {
    /// All stored releases.
    pub(super) fn all() -> Vec<Self> {
        let folders = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = folders.filter(|path| path.is_dir()).map(Self).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        assert!(!all.is_empty(), "there are no golden files");
        all
    }

    /// The release of this code: patch versions store and send the same as their minor version.
    pub(super) fn this() -> Self {
        let version = concat!("v", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
        Self(folder().join(version))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> T {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Returns the stored data of that state.
    pub(super) fn stored(&self, state: &str) -> Stored {
        self.read(state)
    }

    /// A message that it has sent.
    pub(super) fn message(&self, name: &str) -> Value {
        self.read(&format!("messages/{name}"))
    }

    /// Writes a message of it.
    pub(super) fn write(&self, name: &str, content: &impl Serialize) {
        self.write_text(&format!("messages/{name}"), &serde_json::to_string_pretty(content).unwrap());
    }

    /// Writes the stored data of a state: one row per line, so that two releases can be compared.
    pub(super) fn write_stored(&self, state: &str, stored: &Stored) {
        let mut fields = serde_json::to_value(stored).unwrap();
        let lines = fields.as_object_mut().unwrap().iter_mut().map(|(name, value)| {
            let value = match value {
                Value::Array(rows) => {
                    let rows: Vec<_> = rows.iter().map(|row| format!("    {row}")).collect();
                    format!("[\n{}\n  ]", rows.join(",\n"))
                }
                value => value.to_string(),
            };
            format!("  \"{name}\": {value}")
        });
        let lines: Vec<_> = lines.collect();
        self.write_text(state, &format!("{{\n{}\n}}", lines.join(",\n")));
    }

    fn write_text(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }

    /// Returns `true` if it is stored.
    fn is_there(&self) -> bool {
        self.0.is_dir()
    }
}

#[test]
fn a_new_version_has_golden_files_of_its_own() {
    let this = Release::this();
    assert!(this.is_there(), "{} is missing: tests/contract/golden/README.md says how to record it", this.0.display());
}
