use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Page;
use super::shell::{self, Simple};

/// Words before a command that are none of it.
const BEFORE: [&str; 10] = ["!", "do", "else", "env", "exec", "if", "nice", "then", "time", "while"];

/// A command line on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Its words, from the program on.
    pub words: Vec<String>,
    /// The number of its line.
    pub line: usize,
    /// Where it was found.
    pub found: Found,
}

/// Where a command line was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// In a block of code, to be copied.
    Block,
    /// In a sentence, which may name a command without its arguments.
    Sentence,
}

impl Page {
    /// Returns every command line of the page: of blocks of a shell's script, of blocks of a terminal's session what is
    /// behind its prompt, and of code in sentences.
    pub fn command_lines(&self) -> Vec<CommandLine> {
        let mut all = Vec::new();
        for block in &self.blocks {
            let script = match block.language.as_str() {
                "sh" | "bash" => block.text.clone(),
                "console" => session(&block.text),
                _ => continue,
            };
            all.extend(shell::commands(&script).into_iter().filter_map(|c| line(c, block.line, Found::Block)));
        }
        for code in &self.code {
            all.extend(shell::commands(&code.text).into_iter().filter_map(|c| line(c, code.line, Found::Sentence)));
        }
        all
    }
}

/// What was typed in a session; the output becomes empty lines.
fn session(text: &str) -> String {
    let mut goes_on = false;
    let lines = text.lines().map(|line| {
        let typed = if goes_on { Some(line) } else { line.strip_prefix("$ ") };
        goes_on = typed.is_some_and(|typed| typed.ends_with('\\'));
        typed.unwrap_or_default()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn line(command: Simple, first: usize, found: Found) -> Option<CommandLine> {
    let is_before = |word: &String| BEFORE.contains(&word.as_str()) || word.contains('=');
    let words: Vec<String> = command.words.into_iter().skip_while(is_before).collect();
    (!words.is_empty()).then_some(CommandLine { words, line: first + command.line, found })
}

impl CommandLine {
    /// Returns the words behind a program, or nothing if it is another one.
    pub fn of(&self, program: &[&str]) -> Option<&[String]> {
        let (first, rest) = self.words.split_at_checked(program.len())?;
        (first == program).then_some(rest)
    }

    /// Returns why `program` does not know these arguments, or nothing if it does. A sentence may leave out arguments, and
    /// `…` stands for others.
    pub fn refusal(&self, program: &Command, arguments: &[String]) -> Option<String> {
        let parse = |arguments: &[&str]| {
            let name = [program.get_name()];
            program.clone().try_get_matches_from(name.iter().chain(arguments)).err()
        };
        let all: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let error = parse(&all)?;
        let named: Vec<&str> = all.iter().filter(|word| !["…", "..."].contains(word)).copied().collect();
        let error = if named.len() < all.len() { parse(&named)? } else { error };
        (!self.is_pardoned(&error)).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    fn is_pardoned(&self, error: &clap::Error) -> bool {
        let missing = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return true,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand => true,
            // An option without its value.
            ErrorKind::InvalidValue => {
                matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if value.is_empty())
            }
            _ => false,
        };
        missing && self.found == Found::Sentence
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn program() -> Command {
        let limit = Arg::new("limit").long("limit").value_parser(clap::value_parser!(u8));
        let tasks = Command::new("tasks").arg(Arg::new("goal").required(true)).arg(limit);
        Command::new("goalctl").subcommand_required(true).arg_required_else_help(true).subcommand(tasks)
    }

    fn refusals(page: &str) -> Vec<(usize, String)> {
        let lines = Page::read(page).command_lines();
        let refused = lines.iter().filter_map(|command| {
            let arguments = command.of(&["goalctl"])?;
            Some((command.line, command.refusal(&program(), arguments)?))
        });
        refused.collect()
    }

    #[test]
    fn a_block_has_whole_commands() {
        assert_eq!(refusals("```sh\nX=1 goalctl tasks <goal> --limit 7   # all of them\ngoalctl --help\n```\n"), []);
        let wrong = "```console\n$ goalctl tasks g --limit \\\n    many\ngoalctl is not typed here\n$ goalctl work g\n$ goalctl tasks\n```\n";
        let found = refusals(wrong);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5, 6]);
        assert!(found[1].1.contains("unrecognized subcommand 'work'"), "{found:?}");
    }

    #[test]
    fn a_sentence_may_leave_out_arguments_and_may_not_invent_some() {
        assert_eq!(
            refusals("`goalctl`, `goalctl tasks`, `goalctl … tasks`, `goalctl tasks --limit`, `other work`"),
            []
        );
        assert_eq!(refusals("`goalctl work`, `goalctl tasks g --all`").len(), 2);
    }
}
