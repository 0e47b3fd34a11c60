//! The size of a function's zip.

use std::io::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The maximum size of a function's zip, in bytes. The download before a function can start is part of every cold
/// start. The largest has 4.3 MB since functions unwind.
pub const LARGEST_ZIP: usize = 5_000_000;

/// The overhead of a zip around its only file: its name twice, sizes, checksum, and the directory.
const AROUND: usize = 118;

/// Returns the size of a zip with only this file, compressed like the CDK does: deflate at its best level. Lambda
/// accepts no other method.
pub fn zipped(content: &[u8]) -> Result<usize> {
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
