//! `goalctl`: wiring only, see the library.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use goalctl::{Environment, Shell, Terminal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Standard error is not locked: a progress bar draws on it from its own thread.
    let (mut out, mut err, mut input) = (stdout().lock(), stderr(), stdin().lock());
    let (keyboard, piped): (Option<&mut dyn BufRead>, Option<&mut dyn BufRead>) = match stdin().is_terminal() {
        true => (Some(&mut input), None),
        false => (None, Some(&mut input)),
    };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let terminal = Terminal { colours: out.is_terminal() && !plain, progress: err.is_terminal() };
    let shell =
        Shell { out: &mut out, err: &mut err, keyboard, piped, terminal, environment: Environment::of_this_process() };
    let code = goalctl::run(std::env::args_os(), shell).await;
    // A reader that has closed the pipe needs no more output.
    let _ = out.flush();
    ExitCode::from(code)
}
