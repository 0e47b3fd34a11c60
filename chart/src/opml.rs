//! Outlines in OPML 2.0, which outliners and mind maps exchange: `text` of an `outline` is its title, `_note` is more about it.
//! Source: <https://opml.org/spec2.opml>.

use std::fmt::Write as _;

use goal_activity_core::chart::Chart;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::Reading;
use crate::outline::{self, Entry};
use crate::place::{ChartError, Place};

/// Reads an outline.
pub(crate) fn read(text: &str) -> Result<Reading, ChartError> {
    let line = |at: u64| {
        let before = usize::try_from(at).ok().and_then(|at| text.get(..at)).unwrap_or(text);
        before.matches('\n').count() + 1
    };
    let wrong = |at: u64| ChartError::new(Place::Line(line(at)), "not XML");
    let mut reader = Reader::from_str(text);
    let (mut depth, mut entries, mut title) = (0_usize, Vec::new(), String::new());
    let mut in_title = false;
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|_| wrong(reader.error_position()))? {
            Event::Start(tag) if tag.name().as_ref() == "outline" => {
                depth += 1;
                entries.push(entry(&tag, depth, line(at)).ok_or_else(|| wrong(at))?);
            }
            Event::Empty(tag) if tag.name().as_ref() == "outline" => {
                entries.push(entry(&tag, depth + 1, line(at)).ok_or_else(|| wrong(at))?);
            }
            Event::End(tag) if tag.name().as_ref() == "outline" => depth = depth.saturating_sub(1),
            Event::Start(tag) if tag.name().as_ref() == "title" => in_title = true,
            Event::End(tag) if tag.name().as_ref() == "title" => in_title = false,
            Event::Text(part) if in_title => title.push_str(&part.xml10_content()),
            Event::CData(part) if in_title => title.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) if in_title => {
                let name = reference.xml10_content();
                match reference.resolve_char_ref().map_err(|_| wrong(at))? {
                    Some(c) => title.push(c),
                    None => title.push_str(resolve_predefined_entity(&name).ok_or_else(|| wrong(at))?),
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if depth > 0 {
        return Err(ChartError::new(Place::Line(line(reader.buffer_position())), "an outline is not closed"));
    }
    outline::read(entries, Some(&title))
}

fn entry(tag: &BytesStart<'_>, depth: usize, line: usize) -> Option<Entry> {
    let value = |name: &str| {
        let attribute = tag.try_get_attribute(name).ok()?;
        attribute.map_or(Some(String::new()), |a| Some(a.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned()))
    };
    let text = value("text")?;
    let title = if text.is_empty() { value("title")? } else { text };
    Some(Entry { depth, title, description: value("_note")?, line })
}

/// A text in XML. What XML has no character for, such as the line break within a cell of Word, becomes a space.
fn escaped(text: &str) -> String {
    let is_none = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    escape(text.replace(is_none, " ").as_str()).into_owned()
}

/// Writes the titles.
pub(crate) fn write(chart: &Chart) -> String {
    let mut body = String::new();
    let entries = outline::write(chart);
    for (index, entry) in entries.iter().enumerate() {
        let next = entries.get(index + 1).map_or(0, |next| next.depth);
        let indent = "  ".repeat(entry.depth + 1);
        // A line end or a tab in an attribute is read as a space, unless it is written as a reference.
        let text = escaped(entry.title.as_str()).replace('\n', "&#10;").replace('\t', "&#9;");
        let end = if next > entry.depth { ">" } else { "/>" };
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{indent}<outline text=\"{text}\"{end}");
        for depth in (next.max(1)..entry.depth).rev() {
            let _ = writeln!(body, "{}</outline>", "  ".repeat(depth + 1));
        }
    }
    let title = escaped(chart.title.as_str());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n  <head>\n    <title>{title}</title>\n  </head>\n  \
         <body>\n{body}  </body>\n</opml>\n"
    )
}
