//! Text as editors and spreadsheets store it.

use std::borrow::Cow;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};

use crate::place::{ChartError, Place};

/// The text of a file: UTF-8, UTF-16 with a byte order mark, or Shift JIS, in which spreadsheets in Japanese store CSV. Line ends
/// become `\n`.
pub(crate) fn text(content: &[u8]) -> Result<String, ChartError> {
    let text = decoded(content).ok_or_else(|| {
        ChartError::new(Place::Whole, "it is not text: UTF-8, UTF-16 with a byte order mark, and Shift JIS can be read")
    })?;
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn decoded(content: &[u8]) -> Option<Cow<'_, str>> {
    let (encoding, mark) = Encoding::for_bom(content).unwrap_or((UTF_8, 0));
    let content = content.get(mark..)?;
    let text =
        encoding.decode_without_bom_handling_and_without_replacement(content).filter(|text| !text.contains('\0'));
    if mark > 0 {
        return text;
    }
    text.or_else(|| SHIFT_JIS.decode_without_bom_handling_and_without_replacement(content))
        .filter(|text| !text.contains('\0'))
}

/// A cell's text without the spaces around it, the full-width ones included.
pub(crate) fn cell(text: &str) -> String {
    let invisible = |c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}';
    let lines: Vec<_> = text.trim_matches(invisible).split('\n').map(|line| line.trim_matches(invisible)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_spreadsheets_store_is_read() {
        let expected = "目標\nb";
        let utf_16 = |big: bool| {
            let units = "\u{feff}目標\r\nb".encode_utf16();
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
        };
        let shift_jis = SHIFT_JIS.encode("目標\r\nb").0.into_owned();
        for content in [
            "目標\nb".as_bytes().to_vec(),
            "\u{feff}目標\r\nb".as_bytes().to_vec(),
            "目標\rb".as_bytes().to_vec(),
            utf_16(true),
            utf_16(false),
            shift_jis,
        ] {
            assert_eq!(text(&content).unwrap(), expected, "{content:?}");
        }
        for content in [&[0xff, 0xfe, 0x00][..], &[0x50, 0x4b, 0x03, 0x04, 0x00], &[0xfd, 0xff, 0xfd]] {
            assert_eq!(text(content).unwrap_err().place, Place::Whole, "{content:?}");
        }
    }

    #[test]
    fn spaces_around_a_cell_are_not_its_text() {
        assert_eq!(cell("\u{3000} 走る \u{3000}\n 毎日\t"), "走る\n毎日");
        assert_eq!(cell("\u{3000}\n"), "");
    }
}
