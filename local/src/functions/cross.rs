//! Compiles for Lambda on any machine: rustc has the standard library of the target, and zig links, because it has the C
//! libraries of all targets.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::functions::elf::Glibc;
use crate::process;
use crate::project::{Project, as_called_directly};
use crate::step::step;
use crate::tools;

/// The C library of Lambda's `provided.al2023`
/// (<https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>).
pub(crate) const LAMBDA_GLIBC: Glibc = (2, 34);

/// A processor architecture of Lambda, by Lambda's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// Graviton: costs less
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD
    #[value(name = "x86_64")]
    X86,
}

impl Arch {
    /// Lambda's name, which is also that of the folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }

    /// The name of the target in Rust.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }

    /// The `e_machine` of its executables.
    pub(crate) fn elf_machine(self) -> u16 {
        match self {
            Self::Arm64 => 183,
            Self::X86 => 62,
        }
    }

    /// The one whose executables this machine runs, if it runs any.
    pub(crate) fn of_this_machine() -> Option<Self> {
        Self::value_variants().iter().copied().find(|arch| arch.runs_here())
    }

    /// Returns `true` if this machine runs its executables.
    pub(crate) fn runs_here(self) -> bool {
        self.target().starts_with(std::env::consts::ARCH) && cfg!(target_os = "linux")
    }
}

/// Installs what is needed to build for the architecture. Returns the command that builds what the words select.
pub(crate) fn build(project: &Project, arch: Arch, profile: &str, selection: &[&str]) -> Result<Command> {
    standard_library(project, arch)?;
    let linker = tools::linker(project)?;
    let mut build = zigbuild(&linker, arch, profile);
    build.args(selection);
    build.current_dir(&project.root).envs(caches(&project.state().join("zig")));
    Ok(build)
}

/// The command in the virtual environment with these programs.
fn zigbuild(linker: &Path, arch: Arch, profile: &str) -> Command {
    let mut build = Command::new(linker.join("cargo-zigbuild"));
    as_called_directly(&mut build);
    let (major, minor) = LAMBDA_GLIBC;
    build.args(["zigbuild", "--locked", "--profile", profile]);
    build.args(["--target", &format!("{}.{major}.{minor}", arch.target())]);
    // The pinned zig, also where another one is in the path.
    build.env("CARGO_ZIGBUILD_PYTHON_PATH", linker.join("python")).env_remove("CARGO_ZIGBUILD_ZIG_PATH");
    build
}

/// Nothing is written outside the target folder.
fn caches(folder: &Path) -> [(&'static str, PathBuf); 3] {
    [
        ("CARGO_ZIGBUILD_CACHE_DIR", folder.join("zigbuild")),
        ("ZIG_GLOBAL_CACHE_DIR", folder.join("global")),
        ("ZIG_LOCAL_CACHE_DIR", folder.join("local")),
    ]
}

/// Installs the standard library of the target, unless the toolchain has it.
fn standard_library(project: &Project, arch: Arch) -> Result<()> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", arch.target()]).current_dir(&project.root);
    let folder = PathBuf::from(process::quietly(&mut rustc)?.trim());
    if folder.is_dir() {
        return Ok(());
    }
    install(project, arch, "rustup")
}

fn install(project: &Project, arch: Arch, rustup: &str) -> Result<()> {
    let target = arch.target();
    let found = Command::new(rustup).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "Rust's standard library for {target} is missing, and so is rustup, which installs it: add the target to this \
         toolchain, or use one of rustup's"
    );
    step(&format!("Rust for {target}"), || {
        let mut add = Command::new(rustup);
        add.args(["target", "add", target]).current_dir(&project.root);
        process::quietly(&mut add).map(drop).with_context(|| {
            format!("cannot install Rust's standard library for {target}: this needs a network, once per toolchain")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> String {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn variable(command: &Command, name: &str) -> Option<String> {
        let value = command.get_envs().find(|(key, _)| *key == name)?.1?;
        Some(value.to_string_lossy().into_owned())
    }

    #[test]
    fn a_build_names_the_architecture_and_the_c_library_of_lambda() {
        let line = |arch| words(&zigbuild(Path::new("/venv/bin"), arch, "deploy"));
        assert_eq!(
            line(Arch::Arm64),
            "/venv/bin/cargo-zigbuild zigbuild --locked --profile deploy --target aarch64-unknown-linux-gnu.2.34"
        );
        assert!(line(Arch::X86).ends_with(" --target x86_64-unknown-linux-gnu.2.34"));
    }

    #[test]
    fn a_build_uses_the_zig_that_was_installed_for_it() {
        let build = zigbuild(Path::new("/venv/bin"), Arch::X86, "release");
        assert_eq!(variable(&build, "CARGO_ZIGBUILD_PYTHON_PATH").as_deref(), Some("/venv/bin/python"));
        assert_eq!(variable(&build, "CARGO_ZIGBUILD_ZIG_PATH"), None);
    }

    #[test]
    fn an_architecture_has_the_name_that_lambda_and_the_cdk_app_use() {
        for (name, arch) in [("arm64", Arch::Arm64), ("x86_64", Arch::X86)] {
            assert_eq!(Arch::from_str(name, false), Ok(arch));
            assert_eq!(arch.name(), name);
        }
        assert!(Arch::from_str("aarch64", false).is_err());
    }

    #[test]
    fn without_rustup_and_without_network_one_line_says_what_to_do() {
        let project = Project { root: std::env::temp_dir(), target: std::env::temp_dir() };
        let missing = install(&project, Arch::Arm64, "/nowhere/rustup").unwrap_err().to_string();
        assert!(missing.starts_with("Rust's standard library for aarch64-unknown-linux-gnu is missing"), "{missing}");

        // Has a version and cannot install anything.
        let folder = std::env::temp_dir().join(format!("local-rustup-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let rustup = folder.join("rustup");
        std::fs::write(&rustup, "#!/bin/sh\ntest \"$1\" = --version\n").unwrap();
        std::fs::set_permissions(&rustup, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let offline = install(&project, Arch::Arm64, &rustup.to_string_lossy()).unwrap_err().to_string();
        assert!(offline.contains("needs a network"), "{offline}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
