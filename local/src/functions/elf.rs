//! What a Linux executable says about where it can run.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// A version of the C library.
pub(crate) type Glibc = (u32, u32);

/// Checks that an executable is for this machine (`e_machine` of the ELF header) and needs no newer C library. A binary
/// linked with a newer one starts where it was built, but not on Lambda.
pub(crate) fn check(binary: &Path, machine: u16, newest: Glibc) -> Result<()> {
    let content = std::fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let found = self::machine(&content);
    ensure!(found == Some(machine), "{} is not for this architecture: ELF machine {found:?}", binary.display());
    if let Some((major, minor)) = needed_glibc(&content) {
        ensure!(
            (major, minor) <= newest,
            "{} needs glibc {major}.{minor}, Lambda has {}.{}",
            binary.display(),
            newest.0,
            newest.1
        );
    }
    Ok(())
}

/// The `e_machine` of a 64-bit little-endian executable.
pub(crate) fn machine(binary: &[u8]) -> Option<u16> {
    const ELF64_LITTLE_ENDIAN: &[u8] = b"\x7fELF\x02\x01";
    let field = binary.get(18..20).filter(|_| binary.starts_with(ELF64_LITTLE_ENDIAN))?;
    Some(u16::from_le_bytes(field.try_into().ok()?))
}

/// The newest `GLIBC_x.y` among a binary's symbol versions.
fn needed_glibc(binary: &[u8]) -> Option<Glibc> {
    const MARK: &[u8] = b"GLIBC_";
    let versions = binary.windows(MARK.len()).enumerate().filter(|(_, w)| *w == MARK).filter_map(|(at, _)| {
        let rest = &binary[at + MARK.len()..];
        let end = rest.iter().position(|b| !b.is_ascii_digit() && *b != b'.')?;
        let text = std::str::from_utf8(&rest[..end]).ok()?;
        let (major, rest) = text.split_once('.')?;
        Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_c_library_that_a_binary_needs_is_found() {
        let binary = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0";
        assert_eq!(needed_glibc(binary), Some((2, 34)));
        assert_eq!(needed_glibc(b"static"), None);
    }

    #[test]
    fn only_a_binary_for_that_machine_and_c_library_passes() {
        let file = std::env::temp_dir().join(format!("local-elf-{}", std::process::id()));
        let mut binary = b"\x7fELF\x02\x01".to_vec();
        binary.resize(18, 0);
        binary.extend(183_u16.to_le_bytes());
        binary.extend(b"\0GLIBC_2.34\0");
        std::fs::write(&file, &binary).unwrap();
        check(&file, 183, (2, 34)).unwrap();
        let wrong = check(&file, 62, (2, 34)).unwrap_err().to_string();
        assert!(wrong.contains("not for this architecture: ELF machine Some(183)"), "{wrong}");
        let newer = check(&file, 183, (2, 31)).unwrap_err().to_string();
        assert!(newer.ends_with("needs glibc 2.34, Lambda has 2.31"), "{newer}");
        std::fs::write(&file, "#!/bin/sh").unwrap();
        assert!(check(&file, 183, (2, 34)).is_err());
        std::fs::remove_file(&file).unwrap();
    }
}
