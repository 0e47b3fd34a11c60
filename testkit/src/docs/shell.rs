//! The simple commands of a shell script, as far as documentation needs them: nothing is expanded.

/// A simple command: its words, and the number of the line on which it begins, from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) line: usize,
    pub(super) words: Vec<String>,
}

#[derive(Debug, Default)]
struct Reader {
    done: Vec<Simple>,
    /// The command that is read, behind those that contain it as `$(…)`.
    open: Vec<Simple>,
    word: Option<String>,
    /// The next word is a file, not an argument.
    redirected: bool,
    line: usize,
}

/// Returns the simple commands of a script: what stands between `;`, `|`, `&`, parentheses and ends of lines, without
/// redirections and comments. A variable is its name, `<a placeholder>` is `a-placeholder`.
pub(super) fn commands(script: &str) -> Vec<Simple> {
    let mut reader = Reader { open: vec![Simple::default()], ..Reader::default() };
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let behind = &rest[first.len_utf8()..];
        let length = match first {
            '\\' => reader.escaped(behind),
            '\'' => reader.quoted(behind, '\''),
            '"' => reader.quoted(behind, '"'),
            '$' if behind.starts_with('(') => reader.inner(),
            '$' => reader.variable(behind),
            '#' if reader.word.is_none() => behind.find('\n').unwrap_or(behind.len()),
            '<' | '>' => reader.angle(first, behind),
            '\n' | ';' | '|' | '&' | '(' | ')' => reader.operator(first),
            space if space.is_whitespace() => reader.end_word(),
            letter => reader.push(letter),
        };
        rest = &behind[length..];
    }
    reader.end_command();
    while reader.open.len() > 1 {
        reader.outer();
        reader.end_command();
    }
    reader.done
}

/// The placeholder at the start of a text behind `<`, without its `>`.
fn placeholder(text: &str) -> Option<&str> {
    let inside = &text[..text.find('>')?];
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
    (ends(inside.chars().next()) && ends(inside.chars().last()) && !inside.contains(['<', '\n'])).then_some(inside)
}

impl Reader {
    fn push(&mut self, letter: char) -> usize {
        self.word.get_or_insert_default().push(letter);
        0
    }

    fn escaped(&mut self, behind: &str) -> usize {
        let Some(next) = behind.chars().next() else { return 0 };
        match next {
            '\n' => self.line += 1,
            _ => _ = self.push(next),
        }
        next.len_utf8()
    }

    fn quoted(&mut self, behind: &str, mark: char) -> usize {
        let (mut length, mut backslash) = (0, false);
        self.word.get_or_insert_default();
        for c in behind.chars() {
            length += c.len_utf8();
            self.line += usize::from(c == '\n');
            match c {
                '\\' if mark == '"' && !backslash => backslash = true,
                _ if c == mark && !backslash => break,
                // A variable in it is its name.
                '$' if mark == '"' && !backslash => {}
                _ => {
                    self.push(c);
                    backslash = false;
                }
            }
        }
        length
    }

    fn variable(&mut self, behind: &str) -> usize {
        let braced = behind.strip_prefix('{').and_then(|inside| inside.find('}')).map_or(0, |end| end + 2);
        let name = behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len());
        let length = braced.max(name);
        for c in behind[..length].chars().filter(|c| c.is_alphanumeric() || *c == '_') {
            self.push(c);
        }
        length
    }

    fn angle(&mut self, mark: char, behind: &str) -> usize {
        if let (true, Some(inside)) = (mark == '<', placeholder(behind)) {
            for c in inside.chars() {
                self.push(if c.is_alphanumeric() { c } else { '-' });
            }
            return inside.len() + 1;
        }
        // As in `2>`.
        if self.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.redirected = true;
        // As in `>>`, `<<<` and `>&`.
        behind.find(|c| !['<', '>', '&'].contains(&c)).unwrap_or(behind.len())
    }

    fn operator(&mut self, mark: char) -> usize {
        self.end_command();
        self.line += usize::from(mark == '\n');
        if mark == ')' && self.open.len() > 1 {
            self.outer();
        }
        0
    }

    /// Begins the command of a `$(`.
    fn inner(&mut self) -> usize {
        // What it prints is an argument, or a part of one.
        self.push('x');
        self.end_word();
        self.open.push(Simple { line: self.line, words: Vec::new() });
        1
    }

    /// Goes on with the command in which a `$(…)` was.
    fn outer(&mut self) {
        self.open.pop();
    }

    fn end_word(&mut self) -> usize {
        let Some(word) = self.word.take() else { return 0 };
        if std::mem::take(&mut self.redirected) {
            return 0;
        }
        if let Some(command) = self.open.last_mut() {
            if command.words.is_empty() {
                command.line = self.line;
            }
            command.words.push(word);
        }
        0
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirected = false;
        if let Some(command) = self.open.last_mut() {
            let ended = std::mem::take(command);
            self.done.extend(Some(ended).filter(|ended| !ended.words.is_empty()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        commands(script).into_iter().map(|command| command.words).collect()
    }

    fn line(words: &str) -> Vec<String> {
        words.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_comment_a_redirection_and_an_operator_end_what_is_an_argument() {
        assert_eq!(words("a b  # c\n# d\ne 2> f 2>&1 g"), [line("a b"), line("e g")]);
        assert_eq!(words("a < b.txt c | d && e; f || g &"), [line("a c"), line("d"), line("e"), line("f"), line("g")]);
    }

    #[test]
    fn quotes_and_continued_lines_make_one_command() {
        let found = commands("x\ngoalctl \\\n  pause --reason \"it's \\\"down\\\"\" 'a b'\n");
        assert_eq!(found[1].words, ["goalctl", "pause", "--reason", "it's \"down\"", "a b"]);
        assert_eq!((found.len(), found[0].line, found[1].line), (2, 0, 1));
    }

    #[test]
    fn placeholders_and_variables_are_words() {
        assert_eq!(words("goalctl start <goal> --stack \"$STACK\" ${X}"), [line("goalctl start goal --stack STACK X")]);
        assert_eq!(words("build --dir <what build prints>/x"), [line("build --dir what-build-prints/x")]);
    }

    #[test]
    fn a_command_within_a_command_is_found_and_the_outer_goes_on() {
        let script =
            "for goal in $(goalctl user show u --json | python3 -c 'print(1)'); do\n  goalctl tasks \"$goal\"\ndone\n";
        let expected =
            ["goalctl user show u --json", "python3 -c print(1)", "for goal in x", "do", "goalctl tasks goal", "done"];
        assert_eq!(words(script), expected.map(line));
    }
}
