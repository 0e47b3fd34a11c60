//! What is printed of a smoke test: a line when a step is done, or one document at the end.

use std::time::Duration;

use anyhow::Result;
use goal_activity_events::GoalId;
use serde::Serialize;
use tokio::time::timeout;

use crate::checks::{Line, Outcome};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::shell::Shell;
use crate::text::counted;

/// All steps, in order.
pub(super) const STEPS: [&str; 13] = [
    "ai", "user", "sign-in", "goal", "listen", "bus", "start", "run", "tasks", "events", "archive", "notice", "metrics",
];

/// What came of a smoke test. Part of the JSON output: names are never changed.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    stack: String,
    goal_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) execution_arn: Option<String>,
    preflight: Vec<Line>,
    steps: Vec<Line>,
    clean_up: Vec<Line>,
    /// What stays.
    stays: Vec<String>,
}

impl Report {
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.preflight.iter().chain(&self.steps).chain(&self.clean_up)
    }

    /// The step that has failed first.
    pub(super) fn failed_step(&self) -> Option<&str> {
        self.steps.iter().find(|line| line.result == Outcome::Failed).map(|line| line.what.as_str())
    }

    /// The last line of the text.
    fn summary(&self) -> String {
        let count = |result| self.lines().filter(|line| line.result == result).count();
        let (failed, not_done) = (count(Outcome::Failed), count(Outcome::NotDone));
        format!("{}: {failed} failed, {not_done} not done.\n", counted(self.lines().count(), "line"))
    }
}

/// Where the lines go. A reader that has closed the pipe ends nothing before the clean-up is done.
pub(super) struct Output<'a, 's> {
    pub(super) report: Report,
    json: bool,
    shell: &'a mut Shell<'s>,
    broken: Option<anyhow::Error>,
}

impl<'a, 's> Output<'a, 's> {
    pub(super) fn new(stack: String, goal: GoalId, json: bool, shell: &'a mut Shell<'s>) -> Self {
        let report = Report { stack, goal_id: goal.to_string(), ..Report::default() };
        let mut out = Self { report, json, shell, broken: None };
        out.print(&format!("Smoke test of {}, goal {goal}\n\n", out.report.stack));
        out
    }

    fn print(&mut self, text: &str) {
        if self.json || self.broken.is_some() {
            return;
        }
        // Flushed so that each line appears at once.
        let printed = self.shell.out.write_all(text.as_bytes()).and_then(|()| self.shell.out.flush());
        self.broken = printed.err().map(Into::into);
    }

    pub(super) fn preflight(&mut self, lines: Vec<Line>) {
        for line in lines {
            self.print(&line.text());
            self.report.preflight.push(line);
        }
    }

    pub(super) fn step(&mut self, line: Line) {
        self.print(&line.text());
        self.report.steps.push(line);
    }

    pub(super) fn cleaned(&mut self, line: Line) {
        self.print(&line.text());
        self.report.clean_up.push(line);
    }

    pub(super) fn stays(&mut self, what: String) {
        self.print(&format!("stays     {what}\n"));
        self.report.stays.push(what);
    }

    /// Says of all steps that are left that they were not done.
    pub(super) fn give_up(&mut self, why: &str) {
        let left = STEPS.iter().filter(|step| self.report.steps.iter().all(|line| line.what != **step));
        for step in left.copied().collect::<Vec<_>>() {
            self.step(Line::new(step, Outcome::NotDone, why));
        }
    }

    /// Prints the end.
    pub(super) fn finish(self) -> Result<Report> {
        let Self { report, json, shell, broken } = self;
        if let Some(broken) = broken {
            return Err(broken);
        }
        shell.show(json, &report, |report| format!("\n{}", report.summary()))?;
        Ok(report)
    }
}

/// How a step may end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Ctrl-C ends it.
    Interruptible,
    /// It creates something: whether a call that is ended half-way has created it cannot be known. It is short.
    UntilDone,
}

/// Does a step and says how it went. `None` if it has failed.
pub(super) async fn step<T>(
    out: &mut Output<'_, '_>,
    interrupt: &Interrupt,
    what: &'static str,
    (patience, time): (Patience, Duration),
    work: impl Future<Output = Result<(T, String)>>,
) -> Option<T> {
    if interrupt.is_asked() {
        return None;
    }
    let result = tokio::select! {
        result = timeout(time, work) => result,
        () = interrupt.wait(), if patience == Patience::Interruptible => {
            out.step(Line::new(what, Outcome::NotDone, "interrupted"));
            return None;
        }
    };
    let (value, line) = match result {
        Ok(Ok((value, detail))) => (Some(value), Line::ok(what, detail)),
        Ok(Err(error)) => (None, Line::failed(what, Failure::of(&error))),
        Err(_) => {
            let hangs = Line::new(what, Outcome::Failed, format!("no answer within {} s", time.as_secs()));
            (None, hangs.advising("check the stack with `goalctl doctor`, and this machine's connection to AWS"))
        }
    };
    out.step(line);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::terminal::Terminal;

    /// What is printed of that.
    async fn with_output(json: bool, work: impl AsyncFnOnce(&mut Output<'_, '_>)) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let shell = &mut Shell {
            out: &mut out,
            err: &mut err,
            keyboard: None,
            piped: None,
            terminal: Terminal::default(),
            environment: Environment::default(),
        };
        let mut output = Output::new("stack s".to_owned(), "smoke-1".parse().unwrap(), json, shell);
        work(&mut output).await;
        output.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_is_named_and_the_others_are_not_done() {
        let text = with_output(false, async |out: &mut Output<'_, '_>| {
            let interrupt = Interrupt::default();
            let quick = (Patience::UntilDone, Duration::from_secs(60));
            let fine = step(out, &interrupt, "ai", quick, async { Ok(((), "fine".to_owned())) }).await;
            let hangs = step(out, &interrupt, "user", quick, std::future::pending::<Result<((), String)>>()).await;
            assert!(fine.is_some() && hangs.is_none());
            out.give_up("user failed");
        })
        .await;
        assert!(text.contains("ok        ai: fine\nFAILED    user: no answer within 60 s. To do: "), "{text}");
        assert!(
            text.contains("\nnot done  sign-in: user failed\n") && text.contains("\nnot done  metrics: "),
            "{text}"
        );
        assert!(text.ends_with("\n13 lines: 1 failed, 11 not done.\n"), "{text}");
    }

    #[tokio::test]
    async fn an_error_is_a_line_with_what_to_do() {
        let json = with_output(true, async |out: &mut Output<'_, '_>| {
            let interrupt = Interrupt::default();
            let quick = (Patience::Interruptible, Duration::from_secs(60));
            let refused = async { Err::<((), String), _>(crate::checks::not_permitted("make a user", "x:Y").into()) };
            assert!(step(out, &interrupt, "user", quick, refused).await.is_none());
        })
        .await;
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&report["stack"], &report["steps"][0]["result"]),
            (&"stack s".into(), &"failed".into()),
            "{report}"
        );
        assert!(report["steps"][0]["toDo"].as_str().unwrap().contains("x:Y"), "{report}");
    }
}
