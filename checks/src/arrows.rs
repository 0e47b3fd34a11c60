//! Checks which modules may use which, by the table in `functions/src/lib.rs`: the compiler does not check it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// A folder of `functions/src`, and the modules above it, which it must not name.
const ABOVE: [(&str, &[&str]); 3] =
    [("steps", &["handlers"]), ("adapters", &["handlers", "steps"]), ("runtime", &["handlers", "steps", "adapters"])];

/// The folders of the workspace's packages.
const PACKAGES: [&str; 13] = [
    "bench",
    "cells",
    "chart",
    "checks",
    "clients/rust",
    "events",
    "functions",
    "goalctl",
    "local",
    "statemachine",
    "testkit",
    "tests",
    "xtask",
];

/// A word of a source file and the number of its line.
type Word<'a> = (usize, &'a str);

/// Checks the modules of the functions in the checkout at `root`. The error lists every line that names a module
/// above its own.
pub(crate) fn check(root: &Path) -> Result<()> {
    let sources = root.join("functions").join("src");
    let mut breaches = Vec::new();
    for (folder, above) in ABOVE {
        for file in rust_files(&sources.join(folder))? {
            let inside = file.strip_prefix(&sources)?;
            let text = std::fs::read_to_string(&file)?;
            let found = breaches_in(&text, depth(inside), above).into_iter();
            let file = file.strip_prefix(root)?.display();
            breaches.extend(
                found.map(|(line, above)| format!("  {file}:{line} names crate::{above}, which stands above {folder}")),
            );
        }
    }
    ensure!(breaches.is_empty(), "modules that name what stands above them:\n{}", breaches.join("\n"));
    Ok(())
}

/// Checks that no source file in the checkout at `root` makes a module of a file that stands elsewhere: what is shared is in
/// a package, such as `testkit`. The error lists every line that does.
pub(crate) fn no_borrowed_files(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for package in PACKAGES.map(|package| root.join(package)).iter().filter(|folder| folder.is_dir()) {
        for file in rust_files(package)? {
            let text = std::fs::read_to_string(&file)?;
            let lines = text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("#[path"));
            let file = file.strip_prefix(root)?.display();
            found.extend(lines.map(|(_, number)| format!("  {file}:{number}")));
        }
    }
    ensure!(found.is_empty(), "modules whose file stands elsewhere:\n{}", found.join("\n"));
    Ok(())
}

/// All source files below a folder, but those of Node.js packages.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() && !entry.ends_with("node_modules") {
            files.extend(rust_files(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    Ok(files)
}

/// Returns the depth of a file's module below the crate's root.
fn depth(file: &Path) -> usize {
    file.components().count() - usize::from(file.ends_with("mod.rs"))
}

/// The lines of a file that name one of the modules `above`, each with the module.
fn breaches_in<'a>(text: &'a str, depth: usize, above: &[&str]) -> Vec<Word<'a>> {
    let words: Vec<Word> = text.lines().enumerate().flat_map(|(index, line)| words(index + 1, line)).collect();
    let mut found: Vec<Word> = (0..words.len())
        .filter_map(|start| behind_root(&words[start..], depth))
        .flat_map(first_names)
        .filter(|(_, name)| above.contains(name))
        .collect();
    found.dedup();
    found
}

/// Identifiers, `::` and single characters, without comments.
fn words(number: usize, line: &str) -> Vec<Word<'_>> {
    let mut rest = line.split("//").next().unwrap_or_default().trim_start();
    let mut words = Vec::new();
    while let Some(first) = rest.chars().next() {
        let identifier = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("::") { 2 } else { identifier.max(first.len_utf8()) };
        let (word, behind) = rest.split_at(length);
        words.push((number, word));
        rest = behind.trim_start();
    }
    words
}

/// What follows a path's `crate::`, or as many `super::` as lead from this depth to the root.
fn behind_root<'a, 'w>(words: &'w [Word<'a>], depth: usize) -> Option<&'w [Word<'a>]> {
    if let [(_, "crate"), (_, "::"), rest @ ..] = words {
        return Some(rest);
    }
    let supers = words.chunks(2).take_while(|pair| matches!(pair, [(_, "super"), (_, "::")])).count();
    (supers >= depth).then(|| &words[2 * supers..])
}

/// The first name of a path, or of each path in braces.
fn first_names<'a>(path: &[Word<'a>]) -> Vec<Word<'a>> {
    let mut names = Vec::new();
    let (mut depth, mut before) = (0_usize, "");
    for &(line, word) in path {
        match word {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ if depth == 0 || (depth == 1 && ["{", ","].contains(&before)) => names.push((line, word)),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        before = word;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, depth: usize) -> Vec<Word<'_>> {
        breaches_in(text, depth, &["handlers", "steps"])
    }

    #[test]
    fn a_path_from_the_root_is_found_however_it_is_written() {
        assert_eq!(lines("use std::fs;\nuse crate::handlers::api::Api;\n", 2), [(2, "handlers")]);
        assert_eq!(lines("fn f() { crate::steps::settle::now() }", 2), [(1, "steps")]);
        assert_eq!(lines("pub(in crate::handlers) fn f() {}", 2), [(1, "handlers")]);
        assert_eq!(lines("use super::super::steps;", 2), [(1, "steps")]);
        assert_eq!(lines("use super::handlers;", 1), [(1, "handlers")]);
    }

    #[test]
    fn every_path_in_braces_counts_with_its_own_line() {
        let text = "use crate::{\n    runtime::{clock, steps},\n    steps::intake::Intake,\n    handlers,\n};\n";
        assert_eq!(lines(text, 2), [(3, "steps"), (4, "handlers")]);
    }

    #[test]
    fn what_only_looks_like_it_is_left_alone() {
        let text =
            "//! See [`crate::handlers`].\npub(crate) mod steps;\nuse super::steps;\nuse crate::runtime::handlers;\n";
        assert_eq!(lines(text, 3), []);
    }

    #[test]
    fn depth_counts_modules_not_files() {
        assert_eq!(depth(Path::new("adapters/mod.rs")), 1);
        assert_eq!(depth(Path::new("adapters/aws/mod.rs")), 2);
        assert_eq!(depth(Path::new("adapters/aws/bus.rs")), 3);
    }

    #[test]
    fn a_module_has_its_file_where_it_belongs() {
        let root = std::env::temp_dir().join(format!("checks-borrowed-{}", std::process::id()));
        std::fs::create_dir_all(root.join("tests/e2e")).unwrap();
        std::fs::write(root.join("tests/e2e/main.rs"), "// #[path = \"a.rs\"]\nmod a;\n").unwrap();
        assert!(no_borrowed_files(&root).is_ok());
        std::fs::write(root.join("tests/e2e/main.rs"), "mod a;\n    #[path = \"../b.rs\"]\nmod b;\n").unwrap();
        let error = no_borrowed_files(&root).unwrap_err().to_string();
        std::fs::remove_dir_all(&root).unwrap();
        assert!(error.ends_with("elsewhere:\n  tests/e2e/main.rs:2"), "{error}");
    }

    #[test]
    fn the_error_names_file_line_and_module() {
        let root = std::env::temp_dir().join(format!("checks-arrows-{}", std::process::id()));
        let sources = root.join("functions/src");
        for folder in ["steps", "adapters/aws", "runtime"] {
            std::fs::create_dir_all(sources.join(folder)).unwrap();
        }
        assert!(check(&root).is_ok());
        std::fs::write(sources.join("adapters/aws/mod.rs"), "\nuse crate::steps::cancel;\n").unwrap();
        let error = check(&root).unwrap_err().to_string();
        std::fs::remove_dir_all(&root).unwrap();
        assert!(
            error.contains("  functions/src/adapters/aws/mod.rs:2 names crate::steps, which stands above adapters"),
            "{error}"
        );
    }
}
