//! Generates clients from the contract files, and has them read recorded answers and events: `tests/clients/README.md`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use goal_activity_local::local::RunFolder;
use goal_activity_local::prerequisites;
use goal_activity_local::process;
use goal_activity_local::project::{Project, cargo};
use goal_activity_local::step::{note, step};
use goal_activity_local::tools;

/// The events that have a schema of their own.
const EVENTS: [&str; 7] = [
    "BatchProgressed",
    "GoalActivityAccepted",
    "GoalActivityCancelRequested",
    "GoalActivityRejected",
    "GoalActivityRequested",
    "GoalActivityRetryRequested",
    "WorkflowCompleted",
];

/// Lints the contract files, and tests every generator.
pub(crate) fn check(project: &Project) -> Result<()> {
    let folder = RunFolder::new(project, "clients")?;
    let run = Run {
        project,
        programs: tools::client_generators(project)?,
        packages: tools::client_packages(project)?,
        folder: &folder.path,
    };
    run.prepare()?;
    step("linters", || run.lint())?;
    tools::client_package(project)?;
    step("goal-activity-client", || run.client_package())?;
    step("openapi-python-client", || run.openapi_python_client())?;
    step("datamodel-code-generator", || run.datamodels())?;
    step("modelina", || run.modelina())?;
    step("openapi-typescript, json-schema-to-typescript", || run.typescript())?;
    if !prerequisites::has_java() {
        if std::env::var_os("CI").is_some() {
            bail!("Java is missing (a development kit of version 11 or newer)");
        }
        note("  left out: openapi-generator, because Java is missing (a development kit of version 11 or newer)");
        return Ok(());
    }
    step("openapi-generator", || run.openapi_generator())?;
    step("openapi-generator: Python, typescript-fetch", || run.interpreted())?;
    step("openapi-generator: Java", || run.java())?;
    step("openapi-generator: Rust", || run.rust())
}

/// A copy of `tests/clients` with the contract files and what is generated.
struct Run<'a> {
    project: &'a Project,
    /// The folder of the Python programs.
    programs: PathBuf,
    /// The `node_modules`.
    packages: PathBuf,
    folder: &'a Path,
}

impl Run<'_> {
    fn prepare(&self) -> Result<()> {
        copy(&self.project.clients(), self.folder)?;
        symlink(&self.packages, self.folder.join("node_modules"))?;
        let (contract, events) = (self.folder.join("contract"), self.project.root.join("events"));
        copy(&events.join("schemas"), &contract.join("schemas"))?;
        fs::copy(events.join("asyncapi.json"), contract.join("asyncapi.json"))?;
        fs::copy(self.project.root.join("docs").join("EVENTS.md"), contract.join("EVENTS.md"))?;
        fs::copy(self.project.root.join("functions").join("openapi.json"), contract.join("openapi.json"))?;
        for generated in ["openapi-python-client", "datamodels", "json-schema-to-typescript"] {
            fs::create_dir_all(self.folder.join("generated").join(generated))?;
        }
        Ok(())
    }

    fn lint(&self) -> Result<()> {
        let mut redocly = self.node("redocly");
        // Nothing is sent to anybody.
        redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        process::quietly(redocly.args(["lint", "--config", "lint/redocly.yaml", "contract/openapi.json"]))?;
        for document in ["openapi", "asyncapi"] {
            let rules = format!("lint/{document}.spectral.yaml");
            let file = format!("contract/{document}.json");
            let arguments = ["lint", &file, "--ruleset", &rules, "--fail-severity", "hint"];
            process::quietly(self.node("spectral").args(arguments))?;
        }
        self.script("node", "asyncapi/parse.mjs")
    }

    fn openapi_python_client(&self) -> Result<()> {
        let mut generator = self.python_program("openapi-python-client");
        generator.args(["generate", "--path", "contract/openapi.json", "--meta", "none"]);
        process::quietly(generator.args(["--output-path", "generated/openapi-python-client/goal_activity"]))?;
        self.script("python", "python/read_openapi_python_client.py")
    }

    fn datamodels(&self) -> Result<()> {
        let generate = |input: &str, kind: &str, name: &str| {
            let mut generator = self.python_program("datamodel-codegen");
            generator.args(["--input", input, "--input-file-type", kind]);
            generator.args(["--output", &format!("generated/datamodels/{name}.py")]);
            // One value is no enum of its own.
            generator.args(["--use-single-value-enum-as-const", "--enum-field-as-literal", "none"]);
            generator.args(["--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin"]);
            process::quietly(&mut generator).map(drop)
        };
        generate("contract/openapi.json", "openapi", "openapi")?;
        EVENTS.iter().try_for_each(|e| generate(&format!("contract/schemas/{e}.v1.json"), "jsonschema", e))?;
        self.script("python", "python/read_datamodels.py")?;
        self.script("python", "python/guide.py")
    }

    fn modelina(&self) -> Result<()> {
        self.script("node", "asyncapi/models.mjs")?;
        let mut compile = self.python_program("python");
        process::quietly(compile.args(["-m", "compileall", "-q", "generated/modelina/python"])).map(drop)
    }

    fn typescript(&self) -> Result<()> {
        let mut types = self.node("openapi-typescript");
        process::quietly(types.args(["contract/openapi.json", "--output", "generated/openapi-typescript.ts"]))?;
        for event in EVENTS {
            let output = format!("generated/json-schema-to-typescript/{event}.ts");
            let input = format!("contract/schemas/{event}.v1.json");
            process::quietly(self.node("json2ts").args(["--input", &input, "--output", &output]))?;
        }
        process::quietly(self.node("tsc").args(["--project", "typescript"]))?;
        for program in ["use-openapi-typescript", "use-events", "use-modelina"] {
            self.script("node", &format!("build/typescript/{program}.js"))?;
        }
        Ok(())
    }

    /// The package of this project, in its own folder.
    fn client_package(&self) -> Result<()> {
        let npm = |arguments: &[&str]| {
            process::quietly(Command::new("npm").args(arguments).current_dir(self.project.client_package())).map(drop)
        };
        npm(&["test"])?;
        npm(&["run", "lint"])
    }

    /// One process for all its languages.
    fn openapi_generator(&self) -> Result<()> {
        let languages = ["java", "python", "rust", "typescript-fetch"].map(|name| format!("generators/{name}.yaml"));
        let mut generator = self.command("java");
        generator.arg("-jar").arg(self.jar()?).args(["batch", "--fail-fast"]);
        process::quietly(generator.args(languages)).map(drop)
    }

    fn interpreted(&self) -> Result<()> {
        self.script("python", "python/read_openapi_generator.py")?;
        process::quietly(self.node("tsc").args(["--project", "typescript/tsconfig.fetch.json"]))?;
        self.script("node", "build/typescript/read-fetch.js")
    }

    /// With the libraries that are in the generator's own jar. Modelina's models need none.
    fn java(&self) -> Result<()> {
        let mut sources = files(&self.folder.join("java"), "java")?;
        for generated in ["openapi-generator/java/src/main", "modelina/java"] {
            sources.extend(files(&self.folder.join("generated").join(generated), "java")?);
        }
        let jar = self.jar()?;
        let mut compiler = self.command("javac");
        compiler.args(["-proc:none", "-nowarn", "-d", "build/java", "-classpath"]).arg(&jar).args(sources);
        process::quietly(&mut compiler)?;
        let classes = std::env::join_paths([Path::new("build/java"), &jar])?;
        process::quietly(self.command("java").arg("-classpath").arg(classes).arg("Read")).map(drop)
    }

    /// In a folder that stays, because cargo compiles a package of another folder again.
    fn rust(&self) -> Result<()> {
        let _lock = self.project.lock()?;
        let package = self.project.state().join("clients").join("rust");
        if package.exists() {
            fs::remove_dir_all(&package)?;
        }
        copy(&self.folder.join("generated/openapi-generator/rust"), &package)?;
        fs::create_dir_all(package.join("examples"))?;
        fs::copy(self.folder.join("rust/read.rs"), package.join("examples/read.rs"))?;
        fs::copy(self.folder.join("rust/Cargo.lock"), package.join("Cargo.lock"))?;
        let mut run = cargo();
        // Without TLS, which would need another library to be compiled.
        run.args(["run", "--locked", "--quiet", "--no-default-features", "--example", "read", "--"]);
        run.arg(self.folder.join("answers")).env("CARGO_PROFILE_DEV_DEBUG", "0");
        run.env("CARGO_TARGET_DIR", package.with_file_name("rust-target"));
        process::quietly(run.current_dir(&package)).map(drop)
    }

    fn script(&self, interpreter: &str, file: &str) -> Result<()> {
        let mut command = match interpreter {
            "python" => self.python_program("python"),
            other => self.command(other),
        };
        process::quietly(command.arg(file)).map(drop)
    }

    fn node(&self, program: &str) -> Command {
        let mut command = self.command("npx");
        command.args(["--no-install", program]);
        command
    }

    /// A program of the private environment. It finds the others, such as formatters, there.
    fn python_program(&self, name: &str) -> Command {
        let mut command = self.command(self.programs.join(name));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder);
        command
    }

    /// The generator itself, which its Python package contains.
    fn jar(&self) -> Result<PathBuf> {
        let lib = self.programs.with_file_name("lib");
        let found = files(&lib, "jar")?.into_iter().find(|file| file.ends_with("openapi-generator.jar"));
        found.context("openapi-generator's package has no jar")
    }
}

/// All files with that extension below a folder.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_copied_with_everything_in_it() {
        let folder = std::env::temp_dir().join(format!("checks-clients-{}", std::process::id()));
        fs::create_dir_all(folder.join("from").join("a")).unwrap();
        fs::write(folder.join("from").join("a").join("b.java"), "1").unwrap();
        fs::write(folder.join("from").join("c.txt"), "2").unwrap();
        copy(&folder.join("from"), &folder.join("to")).unwrap();
        assert_eq!(fs::read_to_string(folder.join("to").join("c.txt")).unwrap(), "2");
        let java = files(&folder.join("to"), "java").unwrap();
        assert_eq!(java, [folder.join("to").join("a").join("b.java")]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
