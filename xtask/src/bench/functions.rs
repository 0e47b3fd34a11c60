//! What each function weighs.

use std::fs;
use std::io::Write as _;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::report::{Figure, Section};
use crate::functions;
use crate::project::Project;

/// How large a function's zip may be, in MB.
const ZIP: f64 = 4.0;

/// What a zip has around the one file in it: its name twice, sizes, checksum, and the directory.
const AROUND: usize = 118;

/// Builds the functions as they are deployed and weighs them.
pub(crate) fn measure(project: &Project) -> Result<Vec<Section>> {
    functions::build_for_here(project)?;
    let mut section = Section::new("Functions", "cargo xtask bench functions", ["binary", "zip"]);
    for name in functions::names(project)? {
        let binary = project.local_functions().join(&name).join("bootstrap");
        let content = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
        let zip = Figure::new(megabytes(zipped(&content)?), "MB").at_most(ZIP);
        section.row(name, [Some(Figure::new(megabytes(content.len()), "MB")), Some(zip)]);
    }
    Ok(vec![section])
}

/// The size of a zip that holds just this file, compressed as the CDK does it: deflate at its best.
fn zipped(content: &[u8]) -> Result<usize> {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(content)?;
    Ok(deflated.finish()?.len() + AROUND)
}

/// In millions of bytes.
#[allow(clippy::cast_precision_loss, reason = "no file is that large")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_is_as_small_as_its_content_can_be_made() {
        assert_eq!(zipped(&[]).unwrap(), AROUND + 2);
        assert!(zipped(&vec![7; 100_000]).unwrap() < 1_000);
    }
}
