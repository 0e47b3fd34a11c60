//! The documentation of the repository as its readers meet it: pages of Markdown with their headings, links and blocks of
//! code, and the command lines in these.

mod command;
mod page;
mod shell;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

pub use command::{CommandLine, Found};
pub use page::{Block, Code, Heading, Link, Page};

/// The page about former versions.
const HISTORY: &str = "CHANGELOG.md";

/// Folders that the repository does not contain: they are created by builds and tests.
const NOT_OURS: [&str; 10] =
    [".git", "artifacts", "build", "cdk.out", "corpus", "coverage", "dist", "node_modules", "pictures", "target"];

/// Returns every file and folder of the checkout at `root`, relative to it, with `/` between names. What builds and tests
/// create is left out. The root itself is `""`.
pub fn entries(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::from([String::new()]);
    below(root, "", &mut found)?;
    Ok(found)
}

/// Returns every page of the checkout at `root`, with its path, in the order of the paths.
pub fn pages(root: &Path) -> io::Result<Vec<(String, Page)>> {
    let files = entries(root)?.into_iter().filter(|path| {
        Path::new(path).extension().is_some_and(|extension| extension == "md") && root.join(path).is_file()
    });
    files.map(|path| Ok((path.clone(), Page::read(&std::fs::read_to_string(root.join(path))?)))).collect()
}

/// Returns how many command lines of the checkout at `root` are of `program`, and which of them it would refuse, and why.
/// `arguments` returns what it is given, or nothing if the line is of another program. What the changelog says of former versions
/// stays as it was.
pub fn refused(
    root: &Path,
    program: &clap::Command,
    arguments: impl Fn(&CommandLine) -> Option<Vec<String>>,
) -> io::Result<(usize, Vec<String>)> {
    let (mut commands, mut refused) = (0, Vec::new());
    for (path, page) in pages(root)?.iter().filter(|(path, _)| path != HISTORY) {
        for line in page.command_lines() {
            let Some(arguments) = arguments(&line) else { continue };
            commands += 1;
            let why = line.refusal(program, &arguments);
            refused.extend(why.map(|why| format!("{path}:{}: {}: {why}", line.line, line.words.join(" "))));
        }
    }
    Ok((commands, refused))
}

fn below(folder: &Path, name: &str, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let (entry, before) = (entry?, if name.is_empty() { String::new() } else { format!("{name}/") });
        let own = entry.file_name().to_string_lossy().into_owned();
        if NOT_OURS.contains(&own.as_str()) {
            continue;
        }
        let path = before + &own;
        if entry.file_type()?.is_dir() {
            below(&entry.path(), &path, found)?;
        }
        found.insert(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_exists_with_its_options() {
        let root = std::env::temp_dir().join(format!("testkit-commands-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let write = |page: &str, text: &str| std::fs::write(root.join(page), text).unwrap();
        write("a.md", "```sh\nt demo --open\nother\n```\n`t demo`");
        write(HISTORY, "```sh\nt demos\n```\n");
        write("b.md", "```sh\nt demos\nX=1 t demo --opened   # why\n```\n");
        let demo = clap::Command::new("demo").arg(clap::arg!(--open));
        let program = clap::Command::new("t").subcommand(demo);
        let found = refused(&root, &program, |line| line.of(&["t"]).map(<[_]>::to_vec));
        std::fs::remove_dir_all(&root).unwrap();
        let (commands, found) = found.unwrap();
        assert_eq!((commands, found.len()), (4, 2), "{found:#?}");
        assert!(found[1].starts_with("b.md:3: t demo --opened: error: unexpected argument"), "{found:#?}");
    }

    #[test]
    fn what_builds_create_is_not_part_of_the_repository() {
        let root = std::env::temp_dir().join(format!("testkit-docs-{}", std::process::id()));
        for folder in ["docs", "target/doc", "web/node_modules/x"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join("README.md"), "# Title\n").unwrap();
        }
        let (found, pages) = (entries(&root), pages(&root));
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.unwrap(), ["", "docs", "docs/README.md", "web"].map(ToOwned::to_owned).into());
        let paths: Vec<String> = pages.unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["docs/README.md"]);
    }
}
