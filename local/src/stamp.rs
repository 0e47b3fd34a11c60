//! Detects that work was already done, by the content of its inputs, and of large ones by their size and time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Larger files are built ones, which are replaced only when they change: reading all functions takes nearly a second.
const READ_AT_MOST: u64 = 1024 * 1024;

/// Records the inputs of an output. Written last, so that interrupted work is repeated.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    content: String,
}

impl Stamp {
    /// A stamp in `file` for an output of these files, folders and words.
    pub(crate) fn new(file: PathBuf, sources: &[PathBuf], words: &[&str]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        for source in sources {
            hash_path(source, &mut hasher)?;
        }
        Ok(Self { file, content: format!("{:016x}\n", hasher.finish()) })
    }

    /// Returns `true` if the output was made from exactly these inputs.
    pub(crate) fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|found| found == self.content)
    }

    /// Invalidates the stamp before the output is made, until `write`.
    pub(crate) fn clear(&self) {
        // Usually there is none.
        let _ = std::fs::remove_file(&self.file);
    }

    /// Records that the output was made.
    pub(crate) fn write(&self) -> Result<()> {
        std::fs::write(&self.file, &self.content).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn hash_path(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.file_name().hash(hasher);
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        entries.len().hash(hasher);
        entries.iter().try_for_each(|entry| hash_path(entry, hasher))?;
        return Ok(());
    }
    let about = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if about.len() > READ_AT_MOST {
        (about.len(), about.modified()?).hash(hasher);
    } else {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.hash(hasher);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_until_its_sources_change() {
        let folder = std::env::temp_dir().join(format!("local-stamp-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        let source = folder.join("lib").join("a");
        std::fs::write(&source, "1").unwrap();
        let stamp = |words: &[&str]| Stamp::new(folder.join("stamp"), &[folder.join("lib")], words).unwrap();

        assert!(!stamp(&[]).is_fresh(), "nothing was made yet");
        stamp(&[]).write().unwrap();
        assert!(stamp(&[]).is_fresh());
        assert!(!stamp(&["other"]).is_fresh(), "other words");

        std::fs::write(&source, "2").unwrap();
        assert!(!stamp(&[]).is_fresh(), "other content");
        std::fs::write(&source, "1").unwrap();
        assert!(stamp(&[]).is_fresh());
        std::fs::rename(&source, folder.join("lib").join("b")).unwrap();
        assert!(!stamp(&[]).is_fresh(), "another name");

        let large = folder.join("lib").join("large");
        std::fs::write(&large, vec![0; 1 + usize::try_from(READ_AT_MOST).unwrap()]).unwrap();
        stamp(&[]).write().unwrap();
        assert!(stamp(&[]).is_fresh());
        std::fs::File::open(&large).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(!stamp(&[]).is_fresh(), "a large file was replaced");

        stamp(&[]).write().unwrap();
        stamp(&[]).clear();
        assert!(!stamp(&[]).is_fresh(), "cleared");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
