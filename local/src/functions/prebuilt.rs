//! Functions that were built before: those of a release, or of `cargo xtask build`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::functions::cross::Arch;
use crate::functions::elf;
use crate::functions::{self, place};
use crate::process;
use crate::project::Project;

const UNPACK: &str = include_str!("prebuilt.py");

/// Where a folder or zip of functions is: one folder each, with one file `bootstrap`.
#[derive(Debug, Clone)]
pub enum Prebuilt {
    /// A folder or a zip on this machine.
    Path(PathBuf),
    /// The URL of a zip.
    Url(String),
}

impl std::str::FromStr for Prebuilt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("https", _)) => Ok(Self::Url(text.to_owned())),
            Some(_) => Err("expected a folder, a zip, or a URL that begins with https://".to_owned()),
            None => Ok(Self::Path(text.into())),
        }
    }
}

impl Prebuilt {
    /// Builds those for AWS, for this machine, instead of those that are fast to compile.
    pub fn as_deployed(project: &Project) -> Result<Self> {
        let binaries = functions::build_as_deployed(project)?;
        let folder = project.lambda_functions("here");
        place(&functions::names(project)?, |name| binaries.join(name), &folder)?;
        Ok(Self::Path(folder))
    }

    /// Puts the functions where the local stack takes them from.
    pub fn place(&self, project: &Project, python: &Path) -> Result<()> {
        let here = Arch::of_this_machine();
        let here = here.context("--functions: the functions of a release run on Linux; leave it out here")?;
        let names = functions::names(project)?;
        let _lock = project.lock()?;
        let to = project.local_functions();
        let zip = match self {
            Self::Path(folder) if folder.is_dir() => return placed(&names, folder, &to, here),
            Self::Path(zip) => zip.as_os_str(),
            Self::Url(url) => url.as_ref(),
        };
        let unpacked = project.state().join("prebuilt");
        let _ = fs::remove_dir_all(&unpacked);
        fs::create_dir_all(&unpacked)?;
        let done = unpack(zip, &unpacked, python).and_then(|()| placed(&names, &unpacked, &to, here));
        fs::remove_dir_all(&unpacked)?;
        done
    }
}

fn unpack(zip: &OsStr, folder: &Path, python: &Path) -> Result<()> {
    process::quietly(Command::new(python).arg("-c").arg(UNPACK).arg(zip).arg(folder)).map(drop)
}

fn placed(names: &[String], from: &Path, to: &Path, here: Arch) -> Result<()> {
    let bootstrap = |name: &str| from.join(name).join("bootstrap");
    for name in names {
        let file = bootstrap(name);
        let content = fs::read(&file).with_context(|| {
            format!("--functions: there is no {name}/bootstrap; take those of the same version as this checkout")
        })?;
        let is_for_here = elf::machine(&content) == Some(here.elf_machine());
        ensure!(is_for_here, "--functions: {name} is for another architecture than this machine");
    }
    place(names, bootstrap, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZIP: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name in ('api', 'worker'):
        archive.write(sys.argv[2], name + '/bootstrap')
";

    #[test]
    fn only_a_folder_a_zip_or_a_safe_url_is_taken() {
        let parse = |text: &str| text.parse::<Prebuilt>();
        assert!(matches!(parse("functions.zip"), Ok(Prebuilt::Path(_))));
        assert!(matches!(parse("https://example.com/functions.zip"), Ok(Prebuilt::Url(_))));
        assert!(parse("http://example.com/functions.zip").is_err());
    }

    #[test]
    fn the_functions_of_a_zip_are_placed_and_can_be_executed() {
        let folder = std::env::temp_dir().join(format!("local-prebuilt-{}", std::process::id()));
        let (zip, unpacked, to) = (folder.join("functions.zip"), folder.join("unpacked"), folder.join("to"));
        fs::create_dir_all(&unpacked).unwrap();
        let Some(here) = Arch::of_this_machine() else { return };
        let this = std::env::current_exe().unwrap();
        let python = Path::new("python3");
        process::quietly(Command::new(python).args(["-c", ZIP]).arg(&zip).arg(&this)).unwrap();

        unpack(zip.as_os_str(), &unpacked, python).unwrap();
        let [api, worker, launch] = ["api", "worker", "launch"].map(str::to_owned);
        placed(&[api.clone(), worker], &unpacked, &to, here).unwrap();
        let listed = Command::new(to.join("worker").join("bootstrap")).arg("--list").output().unwrap();
        assert!(listed.status.success());

        let missing = placed(&[api.clone(), launch], &unpacked, &to, here).unwrap_err().to_string();
        assert!(missing.contains("no launch/bootstrap"), "{missing}");
        fs::write(unpacked.join("api").join("bootstrap"), "#!/bin/sh").unwrap();
        let wrong = placed(&[api], &unpacked, &to, here).unwrap_err().to_string();
        assert!(wrong.contains("another architecture"), "{wrong}");
        fs::write(&zip, "no zip").unwrap();
        let broken = unpack(zip.as_os_str(), &unpacked, python).unwrap_err().to_string();
        assert!(broken.contains("cannot unpack") && !broken.contains("Traceback"), "{broken}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
