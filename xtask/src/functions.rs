//! Builds the Lambda functions: one folder each, with one file `bootstrap`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process;
use crate::project::{Project, cargo};
use crate::step::step;
use crate::zip::{LARGEST_ZIP, zipped};

/// The newest version of the C library that the functions may need: that of Lambda's `provided.al2023`.
const LAMBDA_GLIBC: (u32, u32) = (2, 34);

/// How to build for AWS.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The target to build for
    #[arg(long, default_value = "aarch64-unknown-linux-gnu",
        value_parser = ["aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"])]
    target: String,
}

/// The profile for deployments to AWS: see the root `Cargo.toml`.
const DEPLOYED: &str = "deploy";

/// Builds the functions for this machine, where the emulator runs them as plain processes.
pub(crate) fn build_for_here(project: &Project) -> Result<()> {
    let names = names(project)?;
    let _lock = project.lock()?;
    step("functions built", || {
        process::quietly(&mut build(project, "release"))?;
        place(&names, &project.target.join("release"), &project.local_functions())
    })
}

/// Builds the functions for this machine exactly as for AWS, and returns their folder.
pub(crate) fn build_as_deployed(project: &Project) -> Result<PathBuf> {
    step("functions built as for AWS", || process::quietly(&mut build(project, DEPLOYED)))?;
    Ok(project.target.join(DEPLOYED))
}

/// Builds the functions for AWS and prints where they are.
pub(crate) fn build_for_aws(project: &Project, args: &BuildArgs) -> Result<()> {
    let names = names(project)?;
    let mut build = build(project, DEPLOYED);
    build.args(["--target", &args.target]);
    if let Some((variable, linker)) = cross_linker(&args.target) {
        build.env(variable, linker);
    }
    process::run(&mut build)?;
    let binaries = project.target.join(&args.target).join(DEPLOYED);
    for name in &names {
        check_glibc(&binaries.join(name))?;
        check_zip(&binaries.join(name))?;
    }
    let folder = project.arm64_functions();
    place(&names, &binaries, &folder)?;
    println!("{} functions in {}", names.len(), folder.display());
    Ok(())
}

/// The functions are the binaries of their package: the folder is the list.
pub(crate) fn names(project: &Project) -> Result<Vec<String>> {
    let folder = project.root.join("functions").join("src").join("bin");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            names.extend(path.file_stem().map(|s| s.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "there is no function in {}", folder.display());
    Ok(names)
}

fn build(project: &Project, profile: &str) -> Command {
    let mut build = cargo();
    build.args(["build", "--profile", profile, "--package", "goal-activity-functions", "--bins"]);
    build.current_dir(&project.root);
    build
}

/// Debian's cross compiler, unless a linker is configured.
fn cross_linker(target: &str) -> Option<(String, &'static str)> {
    let variable = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    let foreign = target == "aarch64-unknown-linux-gnu" && std::env::consts::ARCH != "aarch64";
    (foreign && std::env::var_os(&variable).is_none()).then_some((variable, "aarch64-linux-gnu-gcc"))
}

/// Copies changed files only, so that unchanged ones keep their modification time.
fn place(names: &[String], from: &Path, to: &Path) -> Result<()> {
    for name in names {
        let (source, folder) = (from.join(name), to.join(name));
        let bootstrap = folder.join("bootstrap");
        let content = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        if fs::read(&bootstrap).is_ok_and(|placed| placed == content) {
            continue;
        }
        fs::create_dir_all(&folder)?;
        // A running function keeps the old file.
        let fresh: PathBuf = folder.join("bootstrap.new");
        fs::copy(&source, &fresh)?;
        fs::rename(&fresh, &bootstrap)?;
    }
    Ok(())
}

/// A binary linked on a newer system than Lambda's starts here, but not on Lambda.
fn check_glibc(binary: &Path) -> Result<()> {
    let content = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let (major, minor) = needed_glibc(&content).unwrap_or(LAMBDA_GLIBC);
    ensure!(
        (major, minor) <= LAMBDA_GLIBC,
        "{} needs glibc {major}.{minor}, Lambda has {}.{}: build on an older system, or with cargo-zigbuild as linker",
        binary.display(),
        LAMBDA_GLIBC.0,
        LAMBDA_GLIBC.1,
    );
    Ok(())
}

/// Detects a function that has grown too large, before it makes cold starts slow.
fn check_zip(binary: &Path) -> Result<()> {
    let content = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let size = zipped(&content)?;
    ensure!(
        size <= LARGEST_ZIP,
        "the zip of {} would have {size} bytes, more than {LARGEST_ZIP}: docs/PERFORMANCE.md tells what has made it large before",
        binary.display()
    );
    Ok(())
}

/// The newest `GLIBC_x.y` among a binary's symbol versions.
fn needed_glibc(binary: &[u8]) -> Option<(u32, u32)> {
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
    fn a_function_that_is_too_large_is_not_for_aws() {
        let folder = std::env::temp_dir().join(format!("xtask-zip-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let binary = folder.join("api");
        // Random data cannot be compressed.
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(LARGEST_ZIP).collect();
        fs::write(&binary, &noise[..1_000]).unwrap();
        check_zip(&binary).unwrap();
        fs::write(&binary, &noise).unwrap();
        assert!(check_zip(&binary).unwrap_err().to_string().contains("more than 4000000"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_a_changed_function_is_placed_again() {
        let folder = std::env::temp_dir().join(format!("xtask-functions-{}", std::process::id()));
        let (built, placed) = (folder.join("built"), folder.join("placed"));
        fs::create_dir_all(&built).unwrap();
        fs::write(built.join("api"), "1").unwrap();
        let names = ["api".to_owned()];
        let bootstrap = placed.join("api").join("bootstrap");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;

        place(&names, &built, &placed).unwrap();
        fs::File::open(&bootstrap).unwrap().set_modified(long_ago).unwrap();
        place(&names, &built, &placed).unwrap();
        assert_eq!(fs::metadata(&bootstrap).unwrap().modified().unwrap(), long_ago);

        fs::write(built.join("api"), "2").unwrap();
        place(&names, &built, &placed).unwrap();
        assert_eq!(fs::read(&bootstrap).unwrap(), b"2");
        fs::remove_dir_all(&folder).unwrap();
    }
}
