//! The operator's tool: wiring only, see the library.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use goalctl::Shell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (mut out, mut err, mut keyboard) = (stdout().lock(), stderr().lock(), stdin().lock());
    let asks = stdin().is_terminal();
    let shell = Shell {
        out: &mut out,
        err: &mut err,
        keyboard: asks.then_some(&mut keyboard),
        stack_file: std::env::var_os("GOAL_ACTIVITY_STACK").filter(|v| !v.is_empty()).map(Into::into),
    };
    let code = goalctl::run(std::env::args_os(), shell).await;
    // A reader that has closed the pipe has what it wanted.
    let _ = out.flush();
    ExitCode::from(code)
}
