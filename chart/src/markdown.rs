//! Markdown: headings and lists as an outline, or a table of nine by nine.

use std::fmt::Write as _;
use std::ops::Range;

use goal_activity_core::chart::Chart;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::outline::{self, Entry};
use crate::place::ChartError;
use crate::{Reading, grid};

/// Tables narrower than this are notes, not the chart.
const LEAST_COLUMNS: usize = 7;

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS
}

/// Returns `true` if a text has headings, lists or a table of Markdown, rather than cells.
pub(crate) fn seems(text: &str) -> bool {
    let is_mark = |line: &str| {
        let line = line.trim_start();
        let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_numbered = numbered.len() < line.len() && (numbered.starts_with(". ") || numbered.starts_with(") "));
        let heading = line.trim_start_matches('#');
        let is_heading = heading.len() < line.len() && heading.starts_with(' ');
        is_numbered || is_heading || ["- ", "* ", "+ ", "|"].iter().any(|mark| line.starts_with(mark)) || line == "---"
    };
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let marked = lines.iter().filter(|line| is_mark(line)).count();
    lines.first().is_some_and(|line| is_mark(line)) || marked * 2 > lines.len()
}

/// What the parser is in.
#[derive(Debug, Default)]
struct Document {
    entries: Vec<Entry>,
    /// The level of the heading that applies.
    heading: usize,
    /// How many lists are open.
    lists: usize,
    /// Which entry takes the text: its title, or what stands below it.
    into: Into,
    table: Vec<Vec<String>>,
    /// Blocks of HTML: their text is none of the chart.
    ignored: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Into {
    #[default]
    Nothing,
    Title,
    Description,
    Cell,
}

impl Document {
    fn begin(&mut self, depth: usize, line: usize) {
        self.entries.push(Entry { depth, title: String::new(), description: String::new(), line });
        self.into = Into::Title;
    }

    /// What follows is more about the last entry.
    fn describe(&mut self) {
        self.into = Into::Description;
        if self.entries.last().is_some_and(|entry| !entry.description.is_empty()) {
            self.push("\n");
        }
    }

    fn push(&mut self, text: &str) {
        if self.ignored > 0 {
            return;
        }
        let into = match self.into {
            Into::Title => self.entries.last_mut().map(|entry| &mut entry.title),
            Into::Description => self.entries.last_mut().map(|entry| &mut entry.description),
            Into::Cell => self.table.last_mut().and_then(|row| row.last_mut()),
            Into::Nothing => None,
        };
        if let Some(into) = into {
            into.push_str(text);
        }
    }

    fn start(&mut self, tag: &Tag<'_>, line: usize) {
        match tag {
            Tag::Heading { level, .. } => {
                self.heading = depth(*level);
                self.begin(self.heading, line);
            }
            Tag::List(_) => {
                self.lists += 1;
                self.into = Into::Nothing;
            }
            Tag::Item => self.begin(self.heading + self.lists, line),
            Tag::Paragraph if self.into == Into::Nothing && !self.entries.is_empty() => self.describe(),
            // A document may begin with the goal as plain text.
            Tag::Paragraph if self.entries.is_empty() => self.begin(0, line),
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            Tag::TableCell => {
                if let Some(row) = self.table.last_mut() {
                    row.push(String::new());
                }
                self.into = Into::Cell;
            }
            // More about the entry above it, unless that has no title yet: then it is the title.
            Tag::CodeBlock(_) if self.entries.last().is_some_and(|entry| !entry.title.is_empty()) => self.describe(),
            Tag::HtmlBlock => self.ignored += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::CodeBlock => {
                self.into = Into::Nothing;
            }
            TagEnd::List(_) => {
                self.lists = self.lists.saturating_sub(1);
                self.into = Into::Nothing;
            }
            TagEnd::HtmlBlock => self.ignored = self.ignored.saturating_sub(1),
            _ => {}
        }
    }
}

fn depth(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// How long the metadata at the beginning are, in bytes: between a line of three hyphens and the next. A line of hyphens
/// further down divides the text.
fn front_matter(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let mut length = lines.next().filter(|line| line.trim_end() == "---").map_or(0, str::len);
    if length == 0 {
        return 0;
    }
    for (at, line) in lines.enumerate() {
        length += line.len();
        match line.trim_end() {
            "" if at == 0 => return 0,
            "---" | "..." => return length,
            _ => {}
        }
    }
    0
}

/// Reads an outline, or the first table that is wide enough.
pub(crate) fn read(text: &str) -> Result<Reading, ChartError> {
    let mut document = Document::default();
    let (front, body) = text.split_at(front_matter(text));
    let above = front.matches('\n').count() + 1;
    let line = |range: &Range<usize>| body.get(..range.start).unwrap_or(body).matches('\n').count() + above;
    for (event, range) in Parser::new_ext(body, options()).into_offset_iter() {
        match event {
            Event::Start(tag) => document.start(&tag, line(&range)),
            Event::End(TagEnd::Table) if document.table.iter().any(|row| row.len() >= LEAST_COLUMNS) => {
                return grid::read(&document.table);
            }
            Event::End(TagEnd::Table) => document.table.clear(),
            Event::End(tag) => document.end(tag),
            Event::Text(text) | Event::Code(text) => document.push(&text),
            Event::InlineHtml(tag) if is_line_break(&tag) => document.push("\n"),
            Event::InlineHtml(tag) => document.push(&tag),
            Event::SoftBreak => document.push(" "),
            Event::HardBreak => document.push("\n"),
            _ => {}
        }
    }
    outline::read(document.entries, None)
}

fn is_line_break(tag: &str) -> bool {
    let name = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim();
    name.eq_ignore_ascii_case("br")
}

/// Writes the titles: the goal and its sub-goals as headings, the actions as lists.
pub(crate) fn write(chart: &Chart) -> String {
    let mut text = String::new();
    for entry in outline::write(chart) {
        let title = escaped(&entry.title);
        // Writing to a string cannot fail.
        let _ = match entry.depth {
            1 => writeln!(text, "# {title}"),
            2 => writeln!(text, "\n## {title}\n"),
            _ => writeln!(text, "- {title}"),
        };
    }
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// Text that Markdown reads as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("<br>"),
            c if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    // Only what would mean something is worth the backslash: prose stays readable.
    let harmless = [',', '.', '\'', '"', '/', ':', ';', '?', '%', '@', '=', '$', '^'];
    let plain = harmless.iter().fold(escaped, |text, c| text.replace(&format!("\\{c}"), &c.to_string()));
    // A number with a full stop at the beginning would be a list.
    let digits = plain.chars().take_while(char::is_ascii_digit).count();
    let (number, rest) = plain.split_at(digits);
    if digits > 0 && rest.starts_with('.') { format!("{number}\\{rest}") } else { plain }
}
