//! `goalctl`: wiring only, see the library.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use goalctl::{Environment, Shell, Terminal};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(stderr(), "error: this system gives no timers or sockets: {error}");
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(run());
    // After Ctrl-C a call may be under way: nobody waits for its answer.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn run() -> u8 {
    // Standard error is not locked: a progress bar draws on it from its own thread.
    let (mut out, mut err, mut input) = (stdout().lock(), stderr(), stdin().lock());
    let (keyboard, piped): (Option<&mut dyn BufRead>, Option<&mut dyn BufRead>) = match stdin().is_terminal() {
        true => (Some(&mut input), None),
        false => (None, Some(&mut input)),
    };
    let terminal = Terminal::of(out.is_terminal(), err.is_terminal(), |name| std::env::var_os(name));
    let terminal = if out.is_terminal() { terminal.measured() } else { terminal };
    let shell =
        Shell { out: &mut out, err: &mut err, keyboard, piped, terminal, environment: Environment::of_this_process() };
    let code = goalctl::run(std::env::args_os(), shell).await;
    // A reader that has closed the pipe needs no more output.
    let _ = out.flush();
    code
}
