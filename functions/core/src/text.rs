//! Texts that people and models write, without what cannot be seen, and shortened where a reader would.

use unicode_segmentation::UnicodeSegmentation;

/// Returns the visible part of the text: without control characters, direction marks and other characters of no width,
/// in which text could be hidden. Line ends of every kind become line feeds, tabs become spaces.
pub fn visible(text: &str) -> impl Iterator<Item = char> {
    let (mut before, mut shown) = ('\n', '\n');
    text.chars().filter_map(move |c| {
        let kept = match c {
            '\n' if before == '\r' => None,
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some(' '),
            joiner if is_joiner(joiner) => (joins(shown) && !is_joiner(shown)).then_some(joiner),
            selector if is_selector(selector) => {
                (joins(shown) && !is_joiner(shown) && !is_selector(shown)).then_some(selector)
            }
            other => (!other.is_control() && !has_no_width(other)).then_some(other),
        };
        before = c;
        shown = kept.unwrap_or(shown);
        kept
    })
}

/// Returns `true` if a joiner or a selector after this character can have a meaning: in an emoji (also that of a
/// digit), between Arabic or Indic letters, for the form of a kanji. Elsewhere text could be hidden in them.
fn joins(c: char) -> bool {
    !c.is_ascii_alphabetic() && !c.is_whitespace()
}

/// Joins its neighbours into one glyph, or keeps them apart.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Selects the form of the character before it.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Unicode's `Default_Ignorable_Code_Point` and the annotation marks, except joiners and selectors.
fn has_no_width(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Replaces what would act on a terminal in a text from outside, and its line breaks. For every tool that prints one.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if acts_on_terminal(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for a text whose line breaks and tabs are the tool's own.
pub fn printable_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().map(|c| if acts_on_terminal(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// Returns `true` if a character could control a terminal, or show what is beside it in another order (Unicode Standard Annex 9:
/// explicit directional formatting) or on another line.
pub fn acts_on_terminal(c: char) -> bool {
    let directs = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || directs || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns the visible part of the text on one line, without white space around it.
pub fn line(text: &str) -> String {
    let line: String = visible(text).map(|c| if c == '\n' { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// Returns the visible part of the text, without white space around it.
pub fn block(text: &str) -> String {
    let block: String = visible(text).collect();
    block.trim().to_owned()
}

/// Returns `true` if the text has characters that cannot be seen, other than white space.
pub fn hides_something(text: &str) -> bool {
    visible(text).filter(|c| !c.is_whitespace()).ne(text.chars().filter(|c| !c.is_whitespace()))
}

/// Returns `true` if there is a letter, a digit or an emoji in the text.
pub fn is_readable(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() || matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}'))
}

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// Returns as many words of the text as fit into `max` Unicode scalar values, with an ellipsis for the rest. Words are those
/// of Unicode's standard annex 29, so that no word of a language with spaces is cut, and no character of any.
pub fn shortened(text: &str, max: usize) -> String {
    let mut kept = String::new();
    let mut length = 0;
    for word in text.split_word_bounds() {
        length += word.chars().count();
        if length >= max {
            break;
        }
        kept.push_str(word);
    }
    if !is_readable(&kept) {
        // One word that is longer than all there may be.
        let mut length = 0;
        kept = text
            .graphemes(true)
            .take_while(|character| {
                length += character.chars().count();
                length < max
            })
            .collect();
    }
    let mut kept = kept.trim_end().to_owned();
    kept.push(ELLIPSIS);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_controls_neither_the_terminal_nor_the_order_of_what_is_beside_it() {
        let text = "a\u{202e}b\u{2067}c\u{2028}d\u{1b}e\u{9b}2J\r\nf\tg";
        let (said, lines) = (printable(text), printable_lines(text));
        assert_eq!(said, "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}2J\u{fffd}\u{fffd}f\u{fffd}g");
        assert_eq!(lines, "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}2J\nf\tg");
        assert_eq!(printable("ピアノ 👩\u{200d}🎨 é"), "ピアノ 👩\u{200d}🎨 é", "joins what is one character");
    }

    #[test]
    fn a_text_is_shortened_between_words() {
        for (text, max, expected) in [
            ("Write down everything that the kitchen will need", 20, "Write down…"),
            ("Write down everything", 12, "Write down…"),
            ("Write down everything", 11, "Write down…"),
            ("店で三足を試す", 4, "店で三…"),
            ("コンピュータを買う", 8, "コンピュータを…"),
            ("Donaudampfschifffahrt", 6, "Donau…"),
            ("👨\u{200d}👩\u{200d}👧👨\u{200d}👩\u{200d}👧", 8, "👨\u{200d}👩\u{200d}👧…"),
            ("e\u{301}e\u{301}e\u{301}", 4, "e\u{301}…"),
            ("(Donaudampfschifffahrt)", 6, "(Dona…"),
        ] {
            let short = shortened(text, max);
            assert_eq!(short, expected, "{text} to {max}");
            assert!(short.chars().count() <= max);
        }
    }

    #[test]
    fn a_line_has_nothing_that_cannot_be_seen() {
        for (text, expected) in [
            ("  Buy\tshoes \r\n now ", "Buy shoes   now"),
            ("Bu\u{200b}y\u{202e} shoes\u{feff}", "Buy shoes"),
            ("\u{200b}\u{2060}", ""),
            ("絵文字👨\u{200d}👩\u{200d}👧", "絵文字👨\u{200d}👩\u{200d}👧"),
        ] {
            assert_eq!(line(text), expected, "{text:?}");
        }
        assert_eq!(block(" one\r\ntwo\u{200b} "), "one\ntwo");
    }
}
