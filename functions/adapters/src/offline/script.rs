use std::time::Duration;

use goal_activity_core::ports::Tokens;

/// The directives for the offline generator in an action's constraints. An unknown directive, or one without a valid
/// value, has no effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a directive of its own; any of them may be told together")]
pub(super) struct Script<'a> {
    pub(super) fail: bool,
    pub(super) fail_times: u32,
    pub(super) unavailable: bool,
    pub(super) retry_after: Option<Duration>,
    pub(super) latency: Duration,
    pub(super) hang: bool,
    pub(super) max_size: bool,
    pub(super) tokens: Tokens,
    pub(super) answer: Option<&'a str>,
}

impl<'a> Script<'a> {
    /// Reads the lines that begin with `offline:`. Of repeated directives the last one counts.
    pub(super) fn of(constraints: &'a str) -> Self {
        let mut script = Self::default();
        for line in constraints.lines().filter_map(|line| line.trim().strip_prefix("offline:")) {
            let mut rest = line.trim_start();
            while !rest.is_empty() {
                // An answer may contain commas: it is the rest of its line.
                if let Some(answer) = rest.strip_prefix("answer=") {
                    script.answer = Some(answer);
                    break;
                }
                let (directive, others) = rest.split_once(',').unwrap_or((rest, ""));
                script.obey(directive);
                rest = others.trim_start();
            }
        }
        script
    }

    fn obey(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let value = value.trim();
        match name.trim() {
            "fail" => self.fail = true,
            "fail-times" => self.fail_times = value.parse().unwrap_or_default(),
            "unavailable" => self.unavailable = true,
            "retry-after-ms" => self.retry_after = value.parse().ok().map(Duration::from_millis),
            "latency-ms" => self.latency = value.parse().map(Duration::from_millis).unwrap_or_default(),
            "hang" => self.hang = true,
            "max-size" => self.max_size = true,
            "tokens" => self.tokens = tokens(value).unwrap_or_default(),
            _ => {}
        }
    }
}

fn tokens(value: &str) -> Option<Tokens> {
    let (input, output) = value.split_once('/')?;
    Some(Tokens { input: input.trim().parse().ok()?, output: output.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_stand_side_by_side_or_on_lines_of_their_own() {
        let script =
            Script::of("Evenings only\noffline: fail-times=2, latency-ms=50,tokens = 100/20\n  offline:unavailable");
        let expected = Script {
            fail_times: 2,
            unavailable: true,
            latency: Duration::from_millis(50),
            tokens: Tokens { input: 100, output: 20 },
            ..Script::default()
        };
        assert_eq!(script, expected);
    }

    #[test]
    fn only_a_line_of_its_own_is_a_directive() {
        assert_eq!(Script::of("I am often offline: fail"), Script::default());
    }

    #[test]
    fn an_answer_is_the_rest_of_its_line() {
        let script = Script::of("offline: tokens=1/2, answer={\"tasks\": [], \"fail\": 1, hang}\noffline: max-size");
        assert_eq!(script.answer, Some("{\"tasks\": [], \"fail\": 1, hang}"));
        assert_eq!((script.max_size, script.hang, script.fail), (true, false, false));
        assert_eq!(Script::of("offline: answer=").answer, Some(""));
    }

    #[test]
    fn what_cannot_be_read_does_nothing() {
        for line in
            ["fail-times=many", "latency-ms=-1", "tokens=1", "tokens=a/b", "retry-after-ms=soon", "fails", ",,", "="]
        {
            assert_eq!(Script::of(&format!("offline: {line}")), Script::default(), "{line}");
        }
    }
}
