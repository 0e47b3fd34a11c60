use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A page of Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The headings, in their order.
    pub headings: Vec<Heading>,
    /// The links and pictures.
    pub links: Vec<Link>,
    /// The blocks of code.
    pub blocks: Vec<Block>,
    /// The code within sentences.
    pub code: Vec<Code>,
    /// Of each row of a table, the section that it is in.
    pub rows: Vec<usize>,
}

/// A heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// 1 for the title of the page.
    pub level: usize,
    /// Its text without marks.
    pub text: String,
    /// What GitHub names it in a URL, behind `#`.
    pub anchor: String,
}

/// A link or a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub destination: String,
    /// The number of its line.
    pub line: usize,
    /// How many headings are before it.
    pub section: usize,
}

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The word behind the fence.
    pub language: String,
    /// Its lines.
    pub text: String,
    /// The number of its first line.
    pub line: usize,
    /// How many headings are before it.
    pub section: usize,
}

/// Code within a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Its text, on one line.
    pub text: String,
    /// The number of its line.
    pub line: usize,
    /// How many headings are before it.
    pub section: usize,
}

impl Page {
    /// Reads a page.
    pub fn read(text: &str) -> Self {
        let mut page = Self::default();
        let (mut heading, mut block): (Option<Heading>, Option<Block>) = (None, None);
        let line_at = |offset: usize| text[..offset].matches('\n').count() + 1;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let (line, section) = (line_at(range.start), page.headings.len());
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    heading = Some(Heading { level: depth(level), ..Heading::default() });
                }
                Event::End(TagEnd::Heading(_)) => page.headings.extend(heading.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { destination: dest_url.into_string(), line, section });
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let (language, line) = match kind {
                        CodeBlockKind::Fenced(language) => (language.into_string(), line + 1),
                        CodeBlockKind::Indented => (String::new(), line),
                    };
                    block = Some(Block { language, text: String::new(), line, section });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Start(Tag::TableRow) => page.rows.push(section),
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.text.push_str(&code);
                    }
                    page.code.push(Code { text: code.into_string(), line, section });
                }
                Event::Text(words) => match (&mut block, &mut heading) {
                    (Some(block), _) => block.text.push_str(&words),
                    (None, Some(heading)) => heading.text.push_str(&words),
                    (None, None) => {}
                },
                _ => {}
            }
        }
        name(&mut page.headings);
        page
    }

    /// Returns the heading before which `section` ends, or nothing before the first one.
    pub fn heading(&self, section: usize) -> &str {
        let at = section.checked_sub(1).and_then(|index| self.headings.get(index));
        at.map_or("", |heading| heading.text.as_str())
    }

    /// Returns `true` if a heading has that anchor.
    pub fn has_anchor(&self, anchor: &str) -> bool {
        self.headings.iter().any(|heading| heading.anchor == anchor)
    }
}

fn depth(level: HeadingLevel) -> usize {
    level as usize
}

/// Gives each heading its anchor. The second one of the same text ends with `-1`.
fn name(headings: &mut [Heading]) {
    for index in 0..headings.len() {
        let (before, rest) = headings.split_at_mut(index);
        let Some(heading) = rest.first_mut() else { continue };
        let plain = anchor(&heading.text);
        let taken = |name: &str| before.iter().any(|earlier| earlier.anchor == name);
        heading.anchor = match taken(&plain) {
            false => plain,
            true => (1..=u16::MAX).map(|n| format!("{plain}-{n}")).find(|name| !taken(name)).unwrap_or(plain),
        };
    }
}

/// What GitHub makes of a heading: small letters, digits, `_` and `-`, with `-` for each space.
fn anchor(text: &str) -> String {
    let kept = text.trim().chars().filter(|c| c.is_alphanumeric() || ['_', '-', ' '].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        let page = Page::read(
            "# A `goalctl` page\n## What only AWS can prove\n## Functions: start & *size*\n## 仕組み\n## A\n### A\n## A user's data\n## AI error rate\n",
        );
        let anchors: Vec<&str> = page.headings.iter().map(|heading| heading.anchor.as_str()).collect();
        let expected = [
            "a-goalctl-page",
            "what-only-aws-can-prove",
            "functions-start--size",
            "仕組み",
            "a",
            "a-1",
            "a-users-data",
            "ai-error-rate",
        ];
        assert_eq!(anchors, expected);
        assert_eq!(page.headings.iter().map(|heading| heading.level).collect::<Vec<_>>(), [1, 2, 2, 2, 2, 3, 2, 2]);
        assert!(page.has_anchor("a-1") && !page.has_anchor("a-2"));
    }

    #[test]
    fn links_have_their_line_and_their_section() {
        let page =
            Page::read("[a](x.md)\n\n# T\n\n| [b](y.md#z) | `c` |\n|---|---|\n| ![d](e.png) | [f][g] |\n\n[g]: h.md\n");
        let links: Vec<_> = page.links.iter().map(|l| (l.destination.as_str(), l.line, l.section)).collect();
        assert_eq!(links, [("x.md", 1, 0), ("y.md#z", 5, 1), ("e.png", 7, 1), ("h.md", 7, 1)]);
        assert_eq!((page.rows.as_slice(), page.heading(0), page.heading(1)), ([1].as_slice(), "", "T"));
        assert_eq!(page.code, [Code { text: "c".to_owned(), line: 5, section: 1 }]);
    }

    #[test]
    fn a_block_is_no_text_and_has_its_own_lines() {
        let page = Page::read("# T\n\n```sh\n# not a heading\n[no](link)\n```\n- x\n  ```console\n  $ a\n  ```\n");
        assert_eq!((page.headings.len(), page.links.len()), (1, 0));
        let blocks: Vec<_> = page.blocks.iter().map(|b| (b.language.as_str(), b.text.as_str(), b.line)).collect();
        assert_eq!(blocks, [("sh", "# not a heading\n[no](link)\n", 4), ("console", "$ a\n", 9)]);
    }
}
