//! What this command prints, on whichever stream: the only place that does.
//!
//! A reader that goes away, as in `cargo xtask up | head`, or a terminal that is closed is no failure of the command. Texts are
//! from goals, models and other programs: none of them reaches the terminal with characters that act on it.

use std::io::{Write, stderr, stdout};

use goal_activity_core::text::printable_lines;

/// Prints a result, with a line end.
pub fn result(text: &str) {
    print(stdout().lock(), text);
}

/// Prints what accompanies the results, with a line end.
pub fn aside(text: &str) {
    print(stderr().lock(), text);
}

fn print(mut stream: impl Write, text: &str) {
    let _ = writeln!(stream, "{}", printable_lines(text)).and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_cannot_act_on_the_terminal() {
        let mut printed = Vec::new();
        print(&mut printed, "└─ a\u{1b}[2J\u{202e}b\n   c\r\n");
        assert_eq!(String::from_utf8(printed).unwrap(), "└─ a\u{fffd}[2J\u{fffd}b\n   c\n\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        print(Gone, "anything");
    }
}
