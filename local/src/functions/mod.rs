//! Builds the Lambda functions: one folder each, with one file `bootstrap`.

mod compile;
mod cross;
mod elf;
pub mod prebuilt;
pub mod zip;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::functions::cross::{Arch, LAMBDA_GLIBC};
use crate::functions::zip::{LARGEST_ZIP, zipped};
use crate::output;
use crate::process;
use crate::project::{Project, cargo};
use crate::step::step;

/// How to build for AWS.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The processor architecture of the functions: the CDK app's `-c architecture=`
    #[arg(long, value_enum, default_value = "arm64")]
    arch: Arch,
    /// The profile of the root `Cargo.toml`: `release` is faster to build and larger, for a try
    #[arg(long, default_value = DEPLOYED, value_parser = [DEPLOYED, "release"])]
    profile: String,
    /// Also start each function and have it handle an event: on Linux, and on a machine of that architecture
    #[arg(long)]
    start: bool,
    /// Build goalctl for Linux instead of the functions
    #[arg(long, conflicts_with = "start")]
    goalctl: bool,
}

/// The packages of the functions, and in them only these.
const FUNCTIONS: [&str; 5] = ["--package", "goal-activity-functions", "--package", "goal-activity-cells", "--bins"];
/// Their folders.
const FOLDERS: [&str; 2] = ["functions", "cells"];
/// What makes cargo choose the features of the tests: with others it would compile the AWS SDK a second time for them.
const AS_FOR_TESTS: [&str; 2] = ["--workspace", "--all-features"];

/// The profile for deployments to AWS: see the root `Cargo.toml`.
const DEPLOYED: &str = "deploy";

/// Builds the functions for this machine, where the emulator runs them as plain processes.
pub fn build_for_here(project: &Project) -> Result<()> {
    let names = names(project)?;
    let mut build = cargo();
    build.arg("build").args(AS_FOR_TESTS).current_dir(&project.root);
    for name in &names {
        build.args(["--bin", name]);
    }
    compile::run("functions", &mut build)?;
    let binaries = project.target.join("debug");
    let _lock = project.lock_functions()?;
    place(&names, |name| binaries.join(name), &project.local_functions())
}

/// Builds the functions for this machine exactly as for AWS, and returns their folder.
pub fn build_as_deployed(project: &Project) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--profile", DEPLOYED]).args(FUNCTIONS).current_dir(&project.root);
    compile::run("functions as for AWS", &mut build)?;
    Ok(project.target.join(DEPLOYED))
}

/// Builds the functions for AWS and prints where they are.
pub fn build_for_aws(project: &Project, args: &BuildArgs) -> Result<()> {
    let (arch, profile) = (args.arch, args.profile.as_str());
    if args.goalctl {
        return build_goalctl(project, arch, profile);
    }
    ensure!(!args.start || arch.runs_here(), "--start: this machine cannot run functions for {}", arch.name());
    let names = names(project)?;
    process::run(&mut cross::build(project, arch, profile, &FUNCTIONS)?)?;
    let binaries = project.target.join(arch.target()).join(profile);
    for name in &names {
        let binary = binaries.join(name);
        elf::check(&binary, arch.elf_machine(), LAMBDA_GLIBC)?;
        if profile == DEPLOYED {
            check_zip(&binary)?;
        }
    }
    if args.start {
        let mut start = project.program("goal-activity-bench");
        start.arg("--start").arg(&binaries);
        step("functions started", || process::quietly(&mut start))?;
    }
    let folder = project.lambda_functions(arch.name());
    place(&names, |name| binaries.join(name), &folder)?;
    output::result(&format!("{} functions for {} in {}", names.len(), arch.name(), folder.display()));
    Ok(())
}

/// Builds `goalctl` like the functions: it starts on Ubuntu 22.04, Debian 12, RHEL 9 and later, too.
fn build_goalctl(project: &Project, arch: Arch, profile: &str) -> Result<()> {
    process::run(&mut cross::build(project, arch, profile, &["--package", "goalctl"])?)?;
    let binary = project.target.join(arch.target()).join(profile).join("goalctl");
    elf::check(&binary, arch.elf_machine(), LAMBDA_GLIBC)?;
    let folder = project.target.join("goalctl").join(arch.name());
    fs::create_dir_all(&folder)?;
    fs::copy(&binary, folder.join("goalctl"))?;
    output::result(&format!("goalctl for Linux on {} in {}", arch.name(), folder.display()));
    Ok(())
}

/// The functions are the binaries of their packages: the folders are the list.
pub fn names(project: &Project) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in FOLDERS.map(|folder| project.root.join(folder).join("src").join("bin")) {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let before = names.len();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "rs") {
                names.extend(path.file_stem().map(|s| s.to_string_lossy().into_owned()));
            }
        }
        ensure!(names.len() > before, "there is no function in {}", folder.display());
    }
    names.sort();
    Ok(names)
}

/// Copies changed files only, so that unchanged ones keep their modification time.
pub fn place(names: &[String], from: impl Fn(&str) -> PathBuf, to: &Path) -> Result<()> {
    for name in names {
        let (source, folder) = (from(name), to.join(name));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_is_too_large_is_not_for_aws() {
        let folder = std::env::temp_dir().join(format!("local-zip-{}", std::process::id()));
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
        assert!(check_zip(&binary).unwrap_err().to_string().contains("more than 5000000"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_a_changed_function_is_placed_again() {
        let folder = std::env::temp_dir().join(format!("local-functions-{}", std::process::id()));
        let (built, placed) = (folder.join("built"), folder.join("placed"));
        fs::create_dir_all(&built).unwrap();
        fs::write(built.join("api"), "1").unwrap();
        let names = ["api".to_owned()];
        let bootstrap = placed.join("api").join("bootstrap");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;

        place(&names, |name| built.join(name), &placed).unwrap();
        fs::File::open(&bootstrap).unwrap().set_modified(long_ago).unwrap();
        place(&names, |name| built.join(name), &placed).unwrap();
        assert_eq!(fs::metadata(&bootstrap).unwrap().modified().unwrap(), long_ago);

        fs::write(built.join("api"), "2").unwrap();
        place(&names, |name| built.join(name), &placed).unwrap();
        assert_eq!(fs::read(&bootstrap).unwrap(), b"2");
        fs::remove_dir_all(&folder).unwrap();
    }
}
