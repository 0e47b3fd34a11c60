//! How large a function's zip is.

use std::io::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// How large a function's zip may be, in bytes. What has to be fetched before a function can start is a part of every cold
/// start.
pub(crate) const LARGEST_ZIP: usize = 4_000_000;

/// What a zip has around the one file in it: its name twice, sizes, checksum, and the directory.
const AROUND: usize = 118;

/// The size of a zip that holds just this file, compressed as the CDK does it: deflate at its best. Lambda takes no other.
pub(crate) fn zipped(content: &[u8]) -> Result<usize> {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(content)?;
    Ok(deflated.finish()?.len() + AROUND)
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
