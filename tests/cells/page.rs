//! docs/CELLS.md as an operator follows it: its commands of `goalctl`, as they are written.

use std::process::{Command, Stdio};

use goal_activity_testkit::docs::{Found, Page};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::Cells;

const PAGE: &str = include_str!("../../docs/CELLS.md");
/// The user on the page.
const USER: &str = "8c1f7f0a-user";
/// The profile on the page for the account of another cell.
const PROFILE: &str =
    "[profile goals-two]\naws_access_key_id = test\naws_secret_access_key = test\nregion = us-east-1\n";
/// Run last: before, the users of other tests, who have no cell, would have to be moved as well.
const SET_UP: &str = "Set up";

/// The arguments of each command, by its line on the page.
fn commands() -> Vec<(usize, Vec<String>)> {
    let page = Page::read(PAGE);
    let set_up =
        page.blocks.iter().find(|block| page.heading(block.section) == SET_UP).expect("a block to set up cells");
    let set_up = set_up.line..set_up.line + set_up.text.lines().count();
    let all = page.command_lines().into_iter().filter(|command| command.found == Found::Block);
    let of_cells = all.filter_map(|command| {
        let arguments = command.of(&["goalctl"])?.to_vec();
        arguments.contains(&"cells".to_owned()).then_some((command.line, arguments))
    });
    let (last, first): (Vec<_>, Vec<_>) = of_cells.partition(|(line, _)| set_up.contains(line));
    assert!(last.len() >= 4 && first.len() >= 7, "{} and {}", first.len(), last.len());
    [first, last].concat()
}

/// Runs all of them, and checks what has become of the cells and of a user.
pub(crate) async fn follow(cells: &Cells) {
    let user = cells.user("one").await;
    let (goal, ..) = cells.goal(&user).await;
    let home = std::env::temp_dir().join(format!("goal-activity-cells-page-{}", std::process::id()));
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/config"), PROFILE).unwrap();
    for (line, arguments) in commands() {
        // One account and one region are all that the emulator has here.
        let words = arguments.iter().map(|word| match word.as_str() {
            USER => user.id.as_str(),
            "eu-west-1" => "us-east-1",
            other => other,
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_goalctl-tested"));
        command.args(words).env_clear().current_dir("/").stdin(Stdio::null()).envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", cells.front.endpoint()),
        ]);
        command.env("HOME", &home);
        // It asks for a confirmation, and standard input is empty.
        if arguments.contains(&"--move".to_owned()) {
            command.arg("--yes");
        }
        let ran = spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(ran.status.success(), "docs/CELLS.md:{line}: {arguments:?}: {ran:?}");
        if arguments.contains(&"move".to_owned()) {
            assert_eq!(cells.home(&user).await["cell"], "two");
        }
    }
    let listed = cells.tool.json(&["list"]).await;
    let of = |cell: usize| (&listed["items"][cell]["cell"], &listed["items"][cell]["stack"]);
    let expected =
        [("one", "goal-activity"), ("two", "goal-activity-two")].map(|(cell, stack)| (json!(cell), json!(stack)));
    assert_eq!([of(0), of(1)], expected.each_ref().map(|(cell, stack)| (cell, stack)), "{listed}");
    std::fs::remove_dir_all(&home).unwrap();
    assert_eq!(user.tasks(&goal).await.len(), 8, "wherever the user is by now");
}
