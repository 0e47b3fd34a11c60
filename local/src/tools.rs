//! The tools that the commands install for themselves: a Python environment and the CDK app's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::prerequisites;
use crate::process;
use crate::project::{Project, cargo};
use crate::stamp::Stamp;
use crate::step::step;

/// The version of Dynoxide that the contract tests run on.
const DYNOXIDE: &str = "=3.2.0";

/// The version of cargo-deny that checks the dependencies.
const CARGO_DENY: &str = "=0.20.2";

/// The stamp of the packages in `node_modules`.
const INSTALLED: &str = ".installed";
/// The stamp of what was built of a package.
const BUILT: &str = ".built";
/// What npm reads of a folder.
const PACKAGE_FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The purpose of the Python environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run the pipeline.
    Run,
    /// To test it: the requirements to run it, and more.
    Test,
}

impl Purpose {
    fn requirements(self) -> &'static str {
        match self {
            Self::Run => "requirements.txt",
            Self::Test => "requirements-test.txt",
        }
    }
}

/// Checks for everything that is missing and cannot be installed here, before anything is installed.
pub fn check(project: &Project, purpose: Purpose) -> Result<()> {
    prerequisites::node()?;
    let of_tests = (purpose == Purpose::Test).then(|| project.events_package());
    let folders: Vec<_> = [project.infra()].into_iter().chain(of_tests).collect();
    let installed = folders.iter().map(|folder| Ok(packages_stamp(folder)?.is_fresh())).collect::<Result<Vec<_>>>()?;
    if installed.contains(&false) {
        prerequisites::npm()?;
    }
    if !python_stamp(project, &venv(project), purpose)?.is_fresh() {
        prerequisites::python()?;
    }
    Ok(())
}

/// The Python of the private environment, with the requirements of the purpose.
pub fn python(project: &Project, purpose: Purpose) -> Result<PathBuf> {
    let _lock = project.lock()?;
    let venv = venv(project);
    let python = venv.join("bin").join("python");
    if python_stamp(project, &venv, purpose)?.is_fresh() {
        return Ok(python);
    }
    let base = prerequisites::python()?;
    step("Python packages", || {
        install(project, &base, &venv, &project.local().join(purpose.requirements()))?;
        python_stamp(project, &venv, purpose)?.write()?;
        if purpose == Purpose::Test { python_stamp(project, &venv, Purpose::Run)?.write() } else { Ok(()) }
    })?;
    Ok(python)
}

/// Installs the requirements into a virtual environment, which is created if this Python has none there.
fn install(project: &Project, base: &Path, venv: &Path, requirements: &Path) -> Result<()> {
    if !venv.exists() || made_by_another_python(venv) {
        process::quietly(Command::new(base).args(["-m", "venv", "--clear"]).arg(venv))?;
    }
    let mut pip = Command::new(venv.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--no-input", "--quiet", "--disable-pip-version-check", "--cache-dir"]);
    process::quietly(pip.arg(cache(project, "pip")).arg("--requirement").arg(requirements)).map(drop)
}

/// The folder of the programs in the environment of the generators of clients, whose requirements contradict those of
/// the emulators.
pub fn client_generators(project: &Project) -> Result<PathBuf> {
    environment(project, "clients", "Python packages of the clients", &project.clients().join("requirements.txt"))
}

/// The Python of the environment that checks templates, whose requirements contradict those of the emulators as well.
pub fn template_checks(project: &Project) -> Result<PathBuf> {
    let requirements = project.infra().join("checks").join("requirements.txt");
    Ok(environment(project, "template-checks", "checks of templates", &requirements)?.join("python"))
}

/// The folder of the programs that link for AWS. Only a build for AWS needs them, and they are large.
pub fn linker(project: &Project) -> Result<PathBuf> {
    environment(project, "linker", "linker for AWS", &project.local().join("requirements-build.txt"))
}

/// A virtual environment of its own. Returns the folder of its programs.
fn environment(project: &Project, name: &str, what: &str, requirements: &Path) -> Result<PathBuf> {
    let _lock = project.lock()?;
    let venv = project.state().join(name).join("venv");
    let sources = [requirements.to_owned()];
    let stamp = || Stamp::new(venv.join("installed"), &sources, &[&interpreter(&venv)]);
    if !stamp()?.is_fresh() {
        let base = prerequisites::python()?;
        step(what, || {
            install(project, &base, &venv, requirements)?;
            stamp()?.write()
        })?;
    }
    Ok(venv.join("bin"))
}

/// The `node_modules` of the generators of clients, by their lock file. Outside the checkout: nothing in it needs them.
pub fn client_packages(project: &Project) -> Result<PathBuf> {
    prerequisites::node()?;
    let folder = project.state().join("clients").join("packages");
    std::fs::create_dir_all(&folder)?;
    for file in PACKAGE_FILES {
        std::fs::copy(project.clients().join(file), folder.join(file))?;
    }
    npm_packages(project, "packages of the clients", &folder)?;
    Ok(folder.join("node_modules"))
}

/// Requirements that another Python installed are not available to this one.
fn python_stamp(project: &Project, venv: &Path, purpose: Purpose) -> Result<Stamp> {
    let sources = match purpose {
        Purpose::Run => vec![Purpose::Run],
        Purpose::Test => vec![Purpose::Run, Purpose::Test],
    };
    let sources: Vec<_> = sources.iter().map(|p| project.local().join(p.requirements())).collect();
    let file = venv.join(format!("installed-{}", purpose.requirements()));
    Stamp::new(file, &sources, &[&interpreter(venv)])
}

/// The interpreter behind the environment's links, or `None` if it is gone.
fn interpreter(venv: &Path) -> String {
    let python = venv.join("bin").join("python");
    std::fs::canonicalize(python).map(|p| p.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Returns `true` if the system's Python was replaced under the environment: its packages belong to the old one.
fn made_by_another_python(venv: &Path) -> bool {
    let name = PathBuf::from(interpreter(venv)).file_name().map(|n| n.to_string_lossy().into_owned());
    let packages = name.map(|name| venv.join("lib").join(name).join("site-packages"));
    !packages.is_some_and(|folder| folder.exists())
}

/// Installs Dynoxide, an emulator of DynamoDB, with the features that are needed. Not as a dependency of the tests: it
/// would enable features that build the AWS SDK again.
pub fn dynoxide(project: &Project) -> Result<PathBuf> {
    // With minimal features, and optimised for build time.
    let options = &["--no-default-features", "--features", "native-sqlite,http-server,cli"];
    Program { name: "dynoxide", package: "dynoxide-rs", version: DYNOXIDE, options }.installed(project)
}

/// Installs cargo-deny, which checks the licences, sources and duplicates of the dependencies.
pub fn cargo_deny(project: &Project) -> Result<PathBuf> {
    Program { name: "cargo-deny", package: "cargo-deny", version: CARGO_DENY, options: &[] }.installed(project)
}

/// A program that cargo builds from a package.
struct Program {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    options: &'static [&'static str],
}

impl Program {
    /// Returns the path of the program, after it is built if this version was missing.
    fn installed(&self, project: &Project) -> Result<PathBuf> {
        let _lock = project.lock()?;
        let folder = project.state().join(self.name);
        let program = folder.join("bin").join(self.name);
        let stamp = Stamp::new(folder.join("installed"), &[], &[self.version])?;
        if stamp.is_fresh() && program.exists() {
            return Ok(program);
        }
        step(&format!("{} built", self.name), || {
            let mut install = cargo();
            install.args(["install", self.package, "--version", self.version, "--locked", "--quiet", "--force"]);
            // It is not debugged.
            install.env("CARGO_PROFILE_DEV_DEBUG", "0");
            install.arg("--debug").args(self.options).arg("--root").arg(&folder);
            // What it is built of stays until it is there, for a build that is interrupted, and not longer: it takes 300 MB.
            let build = folder.join("build");
            process::quietly(install.arg("--target-dir").arg(&build))?;
            stamp.write()?;
            std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
        })?;
        Ok(program)
    }
}

/// The folder in `infra` with the compiled CDK app. Another one than that of `npm test`, which empties its own: a deployment may
/// read it meanwhile.
pub const CDK_BUILD: &str = ".build";

/// Installs the CDK app's packages, by its lock file.
pub fn cdk_packages(project: &Project) -> Result<()> {
    npm_packages(project, "CDK packages", &project.infra())
}

/// The same, and compiles the app.
pub fn cdk_app(project: &Project) -> Result<()> {
    cdk_packages(project)?;
    let infra = project.infra();
    let names = [
        "bin",
        "constructs/src",
        "examples/existing-function",
        "examples/schedule",
        "lib",
        "test",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
    ];
    let sources = names.map(|name| infra.join(name));
    let mut compile = Command::new("node");
    compile.arg(infra.join("node_modules/typescript/bin/tsc")).args(["--outDir", CDK_BUILD]);
    built(project, "CDK app compiled", &infra, &sources, &infra.join(CDK_BUILD).join("bin"), &mut compile)
}

/// Installs the build and test dependencies of the events' TypeScript package, by its lock file.
pub fn events_package(project: &Project) -> Result<()> {
    npm_packages(project, "packages of the events", &project.events_package())
}

/// Installs the dependencies of the client for TypeScript, by its lock file.
pub fn client_package(project: &Project) -> Result<()> {
    npm_packages(project, "packages of the client", &project.client_package())
}

/// Installs the packages of an example with a CDK app of its own: by its lock file, and the constructs as `npm pack` packs
/// them.
pub fn example_app(project: &Project, name: &str, folder: &Path) -> Result<()> {
    npm_packages(project, &format!("packages of {name}"), folder)?;
    let _lock = project.lock()?;
    let constructs = project.infra().join("constructs");
    let sources = ["src", "package.json", "tsconfig.json"].map(|file| constructs.join(file));
    let packages = std::fs::read_to_string(folder.join("node_modules").join(INSTALLED))?;
    let stamp = Stamp::new(folder.join("node_modules").join(".constructs"), &sources, &[&packages])?;
    if stamp.is_fresh() {
        return Ok(());
    }
    step(&format!("constructs packed and installed into {name}"), || {
        let mut npm = Command::new("npm");
        npm.args(["run", "constructs", "--", "--prefer-offline", "--cache"]).arg(cache(project, "npm"));
        process::quietly(npm.current_dir(folder))?;
        stamp.write()
    })
}

/// Installs the page's packages, and builds the client, which is one of them.
pub fn page_packages(project: &Project) -> Result<()> {
    prerequisites::node()?;
    client_package(project)?;
    npm_packages(project, "packages of the page", &project.web())?;
    let client = project.client_package();
    let sources = ["src", "package.json", "package-lock.json", "tsconfig.json"].map(|file| client.join(file));
    built(project, "TypeScript client built", &client, &sources, &client.join("build"), &mut build_script())
}

/// Builds the page, in `web/dist`.
pub fn page(project: &Project) -> Result<()> {
    page_packages(project)?;
    let (page, client) = (project.web(), project.client_package());
    let own = ["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];
    let sources = own.map(|file| page.join(file)).into_iter().chain([client.join("src")]).collect::<Vec<_>>();
    built(project, "page built", &page, &sources, &page.join("dist").join("index.html"), &mut build_script())
}

/// Builds a package, unless its output is there and was made from the same sources.
fn built(
    project: &Project,
    what: &str,
    folder: &Path,
    sources: &[PathBuf],
    output: &Path,
    build: &mut Command,
) -> Result<()> {
    let _lock = project.lock()?;
    let stamp = Stamp::new(folder.join("node_modules").join(BUILT), sources, &[])?;
    if stamp.is_fresh() && output.exists() {
        return Ok(());
    }
    step(what, || {
        stamp.clear();
        process::quietly(build.current_dir(folder))?;
        stamp.write()
    })
}

/// The build script of a package.
fn build_script() -> Command {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "build"]);
    npm
}

/// Installs the packages of a folder, by its lock file.
pub fn npm_packages(project: &Project, what: &str, folder: &Path) -> Result<()> {
    let _lock = project.lock()?;
    let stamp = packages_stamp(folder)?;
    if stamp.is_fresh() {
        return Ok(());
    }
    step(what, || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--cache"]).arg(cache(project, "npm"));
        process::quietly(npm.current_dir(folder))?;
        stamp.write()
    })
}

fn packages_stamp(folder: &Path) -> Result<Stamp> {
    let sources = PACKAGE_FILES.map(|f| folder.join(f));
    Stamp::new(folder.join("node_modules").join(INSTALLED), &sources, &[])
}

fn venv(project: &Project) -> PathBuf {
    project.state().join("venv")
}

/// Downloads are cached in the target folder, so that a fresh clone with the same target folder finds them.
fn cache(project: &Project, tool: &str) -> PathBuf {
    project.state().join("cache").join(tool)
}
