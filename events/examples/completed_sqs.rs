//! A plain consumer of a queue that is subscribed to `WorkflowCompleted`.
//!
//! ```sh
//! cargo run --package goal-activity-events --all-features --example completed_sqs -- \
//!     https://sqs.eu-central-1.amazonaws.com/123456789012/completions inbox
//! ```
//!
//! It keeps one file per event in the folder `inbox`. That file is both the effect of the event and the mark that it is
//! done: neither exists without the other, so an event that is delivered again changes nothing.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_config::BehaviorVersion;
use aws_sdk_sqs::types::Message;
use aws_smithy_http_client::{Builder, tls};
use goal_activity_events::{Envelope, WorkflowCompleted};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [queue, inbox] = arguments.as_slice() else {
        return Err("usage: completed_sqs <queue URL> <folder>".into());
    };
    fs::create_dir_all(inbox)?;
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    loop {
        let receive = sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(20);
        for message in receive.send().await?.messages.unwrap_or_default() {
            match handle(&message, Path::new(inbox)) {
                Ok(said) => println!("{said}"),
                // Left in the queue: it is delivered again, and moved to the dead-letter queue when that does not help.
                Err(error) => {
                    eprintln!("{}: {error}", message.message_id().unwrap_or_default());
                    continue;
                }
            }
            let handle = message.receipt_handle().unwrap_or_default();
            sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await?;
        }
    }
}

fn handle(message: &Message, inbox: &Path) -> Result<String, Box<dyn Error>> {
    let completed: WorkflowCompleted = Envelope::parse(message.body().unwrap_or_default())?.detail()?;
    let (goal, id) = (&completed.goal_id, &completed.event_id);
    let text = serde_json::to_string_pretty(&completed)?;
    Ok(match keep(inbox, &file_name(id.as_str()), &text)? {
        true => {
            format!("{goal}: {:?}, {} of {}", completed.status, completed.succeeded_actions, completed.total_actions)
        }
        false => format!("{goal}: {id} again, nothing to do"),
    })
}

/// Creates a file unless it already exists, in one step.
fn keep(inbox: &Path, name: &str, text: &str) -> std::io::Result<bool> {
    let draft: PathBuf = inbox.join(format!(".{name}.{}", std::process::id()));
    fs::write(&draft, text)?;
    let linked = fs::hard_link(&draft, inbox.join(format!("{name}.json")));
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// An event id is any printable text: it must not be interpreted as a path.
fn file_name(id: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    id.bytes().map(|b| if safe(b) { char::from(b).to_string() } else { format!("%{b:02x}") }).collect()
}
