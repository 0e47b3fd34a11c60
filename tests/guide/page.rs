//! docs/OPERATIONS.md as an operator reads it: its commands, in their order, and the permissions of its recipes.

use std::collections::BTreeMap;

use goal_activity_testkit::docs::Page;
use goal_activity_tests::{Permission, Stack};

const PAGE: &str = include_str!("../../docs/OPERATIONS.md");
/// Where a terminal is set up: its commands come before those of every other section.
pub(crate) const SETUP: &str = "set-up-a-terminal";

/// A block of commands.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The anchor of its section.
    pub(crate) section: String,
    /// Its first line on the page.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// All blocks of commands, in the order of the page.
pub(crate) fn blocks() -> Vec<Block> {
    let page = Page::read(PAGE);
    let commands = page.blocks.iter().filter(|block| block.language == "sh");
    let blocks = commands.map(|block| Block {
        section: page.headings[block.section - 1].anchor.clone(),
        line: block.line,
        text: block.text.trim_end().to_owned(),
    });
    blocks.collect()
}

/// One row of the table of permissions.
#[derive(Debug, Clone)]
struct Grant {
    actions: Vec<String>,
    resources: Vec<String>,
}

/// What is between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// The anchors that a cell links to.
fn links(cell: &str) -> Vec<String> {
    cell.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).map(ToOwned::to_owned).collect()
}

/// The table of permissions: the grants of each section, and the sections whose grants it has as well.
fn table() -> BTreeMap<String, (Vec<Grant>, Vec<String>)> {
    let (_, rest) = PAGE.split_once("\n## Permissions\n").expect("a section on permissions");
    let rows = rest.lines().skip_while(|line| !line.starts_with("| For |")).skip(2);
    let (mut table, mut section) = (BTreeMap::<_, (Vec<Grant>, Vec<String>)>::new(), String::new());
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [whose, actions, resources] = cells.as_slice() else { panic!("not three cells: {row}") };
        if let Some(new) = links(whose).into_iter().next() {
            section = new;
        }
        let (grants, others) = table.entry(section.clone()).or_default();
        let resources = if *resources == "the stack" { vec!["the stack".to_owned()] } else { quoted(resources) };
        let resources = if cells[2].contains("queue `") { mark("sqs", &resources) } else { resources };
        let resources = if cells[2].contains("table `") { mark("dynamodb", &resources) } else { resources };
        others.extend(links(actions));
        let actions = quoted(actions);
        if !actions.is_empty() {
            grants.push(Grant { actions, resources });
        }
    }
    table
}

/// Names of resources that are no outputs, with the service that they are of.
fn mark(service: &str, names: &[String]) -> Vec<String> {
    let is_name = |name: &String| name.starts_with("$STACK");
    names.iter().map(|name| if is_name(name) { format!("{service} {name}") } else { name.clone() }).collect()
}

/// What the page says is needed for a section, and for every section.
pub(crate) fn permissions(stack: &Stack, section: &str) -> Vec<Permission> {
    let table = table();
    let mut permissions = Vec::new();
    let mut wanted = vec![SETUP.to_owned(), section.to_owned()];
    while let Some(section) = wanted.pop() {
        let (grants, others) =
            table.get(&section).unwrap_or_else(|| panic!("the page says no permissions of #{section}"));
        wanted.extend(others.iter().cloned());
        for Grant { actions, resources } in grants {
            for resource in resources {
                let resource = arn(stack, resource);
                permissions.extend(
                    actions.iter().map(|action| Permission { action: action.clone(), resource: resource.clone() }),
                );
            }
        }
    }
    permissions.sort();
    permissions.dedup();
    permissions
}

/// The ARN of what a cell of the table names: an output of the stack, or a resource of another name.
fn arn(stack: &Stack, named: &str) -> String {
    let name = stack.output("StackName");
    let regional = |service: &str, what: &str| format!("arn:aws:{service}:us-east-1:000000000000:{what}");
    if let Some((service, pattern)) = named.split_once(" $STACK") {
        let kind = if service == "dynamodb" { "table/" } else { "" };
        return regional(service, &format!("{kind}{name}{pattern}"));
    }
    let (output, below) = named.split_once('/').map_or((named, String::new()), |(o, b)| (o, format!("/{b}")));
    match output {
        "*" => "*".to_owned(),
        "the stack" => regional("cloudformation", &format!("stack/{name}/*")),
        "EventBusName" => regional("events", &format!("event-bus/{}", stack.output(output))),
        "UserPoolId" => regional("cognito-idp", &format!("userpool/{}", stack.output(output))),
        "ArchiveBucketName" => format!("arn:aws:s3:::{}{below}", stack.output(output)),
        _ if output.ends_with("Arn") => stack.output(output).to_owned(),
        _ if output.ends_with("TableName") => regional("dynamodb", &format!("table/{}{below}", stack.output(output))),
        _ if output.ends_with("FunctionName") => regional("lambda", &format!("function:{}", stack.output(output))),
        _ if output.ends_with("MappingId") => {
            regional("lambda", &format!("event-source-mapping:{}", stack.output(output)))
        }
        _ if output.ends_with("Url") => regional("sqs", stack.output(output).rsplit('/').next().unwrap_or_default()),
        _ => panic!("the page grants something on {named}, which is not known here"),
    }
}

#[test]
fn blocks_have_their_section_and_their_line() {
    let blocks = blocks();
    assert!(blocks.len() > 20, "{}", blocks.len());
    let first = &blocks[0];
    assert_eq!((first.section.as_str(), PAGE.lines().nth(first.line - 1)), (SETUP, first.text.lines().next()));
    let indented = blocks.iter().find(|b| b.section == "the-reconciler-is-silent").unwrap();
    assert!(indented.text.starts_with("aws events"), "{indented:?}");
}
