//! Checks the documentation: its links lead somewhere, and the README says the same in both languages.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use goal_activity_testkit::docs::{self, Page};

/// A page and its path.
type Named = (String, Page);

const README: &str = "README.md";
/// Says the same in Japanese.
const JAPANESE: &str = "README.ja.md";

/// Checks every page of the checkout at `root`. The error lists every finding.
pub(crate) fn check(root: &Path) -> Result<()> {
    let (entries, pages) = (docs::entries(root)?, docs::pages(root)?);
    let mut findings = broken_links(&entries, &pages);
    let page = |path: &str| pages.iter().find(|(name, _)| name == path).map(|(_, page)| page);
    match (page(README), page(JAPANESE)) {
        (Some(readme), Some(japanese)) => findings.extend(differences(readme, japanese)),
        _ => findings.push(format!("{README} or {JAPANESE} is missing")),
    }
    let findings: Vec<String> = findings.iter().map(|finding| format!("  {finding}")).collect();
    ensure!(findings.is_empty(), "the documentation is wrong:\n{}", findings.join("\n"));
    Ok(())
}

/// The relative links that lead nowhere.
fn broken_links(entries: &BTreeSet<String>, pages: &[Named]) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, page) in pages {
        for link in page.links.iter().filter(|link| !is_elsewhere(&link.destination)) {
            if let Some(reason) = nowhere(entries, pages, path, &link.destination) {
                broken.push(format!("{path}:{} links to {}: {reason}", link.line, link.destination));
            }
        }
    }
    broken
}

fn is_elsewhere(destination: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| destination.starts_with(scheme))
}

/// Why a link of a page leads nowhere, or nothing if it leads somewhere.
fn nowhere(entries: &BTreeSet<String>, pages: &[Named], path: &str, destination: &str) -> Option<String> {
    let (file, anchor) = destination.split_once('#').map_or((destination, None), |(file, name)| (file, Some(name)));
    let Some(target) = resolve(path, file).filter(|target| entries.contains(target)) else {
        return Some("there is no such file or folder in the repository".to_owned());
    };
    let anchor = anchor?;
    match pages.iter().find(|(name, _)| *name == target) {
        Some((_, page)) if page.has_anchor(anchor) => None,
        Some(_) => Some(format!("{target} has no such heading")),
        None => Some(format!("{target} is no page with headings")),
    }
}

/// The path from the root that a link of a page names, or nothing if it leaves the repository.
fn resolve(page: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(page.to_owned());
    }
    let mut names: Vec<&str> = page.split('/').collect();
    names.pop();
    for name in link.trim_end_matches('/').split('/') {
        match name {
            "." => {}
            ".." => _ = names.pop()?,
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// What the two languages of the README do not have in common, section by section.
fn differences(readme: &Page, japanese: &Page) -> Vec<String> {
    let levels = |page: &Page| page.headings.iter().map(|heading| heading.level).collect::<Vec<_>>();
    if levels(readme) != levels(japanese) {
        return vec![format!(
            "{README} and {JAPANESE} have other headings: {:?}, {:?}",
            levels(readme),
            levels(japanese)
        )];
    }
    let mut found = Vec::new();
    for section in 0..=readme.headings.len() {
        let [ours, theirs] = [readme, japanese].map(|page| content(page, section));
        if ours != theirs {
            let only = |these: &[String], those: &[String]| {
                these.iter().filter(|item| !those.contains(item)).cloned().collect::<Vec<_>>().join(", ")
            };
            found.push(format!(
                "{README} and {JAPANESE} differ below \"{}\": only the first has [{}], only the second [{}]; or they differ in number",
                readme.heading(section),
                only(&ours, &theirs),
                only(&theirs, &ours)
            ));
        }
    }
    found
}

/// What a section has in every language, in an order that does not depend on the grammar: its links, its code, the rows of
/// its tables, and then its blocks in their order, without comments. Of a picture of text only the number of its lines.
fn content(page: &Page, section: usize) -> Vec<String> {
    let mut content: Vec<String> = Vec::new();
    let links = page.links.iter().filter(|link| link.section == section).map(|link| link.destination.clone());
    // The link to the other language.
    content.extend(links.filter(|destination| ![README, JAPANESE].contains(&destination.as_str())));
    content.extend(page.code.iter().filter(|code| code.section == section).map(|code| format!("`{}`", code.text)));
    content.sort();
    content.push(format!("rows: {}", page.rows.iter().filter(|row| **row == section).count()));
    for block in page.blocks.iter().filter(|block| block.section == section) {
        content.push(format!("```{}", block.language));
        match block.language.as_str() {
            "mermaid" => content.push(format!("lines: {}", block.text.lines().count())),
            "sh" => content.extend(block.text.lines().map(without_comment)),
            _ => content.extend(block.text.lines().map(ToOwned::to_owned)),
        }
    }
    content
}

fn without_comment(line: &str) -> String {
    line.split_once(" # ").map_or(line, |(command, _)| command).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(texts: &[(&str, &str)]) -> Vec<Named> {
        texts.iter().map(|(path, text)| ((*path).to_owned(), Page::read(text))).collect()
    }

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading() {
        let entries = ["", "README.md", "docs", "docs/API.md", "a.png"].map(ToOwned::to_owned).into();
        let sound =
            "# Use it\n[a](docs/API.md#errors) [b](docs/) [c](#use-it) ![d](./a.png) [e](https://nowhere.example/x#y)";
        let api = "# API\n## Errors\n[a](../README.md#use-it) [b](..)";
        assert_eq!(broken_links(&entries, &pages(&[("README.md", sound), ("docs/API.md", api)])), [""; 0]);

        let wrong =
            "# Use it\n[a](docs/API.md#error)\n[b](docs/api.md)\n[c](#use)\n[d](a.png#x)\n[e](../x)\n[f](/docs)\n";
        let found = broken_links(&entries, &pages(&[("README.md", wrong), ("docs/API.md", api)]));
        assert_eq!(found.len(), 6, "{found:#?}");
        assert_eq!(found[0], "README.md:2 links to docs/API.md#error: docs/API.md has no such heading");
        assert!(found[1].starts_with("README.md:3 links to docs/api.md: there is no such file"), "{found:#?}");
    }

    #[test]
    fn the_price_of_an_idle_month_is_that_of_its_table() {
        let table = include_str!("../../docs/PERFORMANCE.md");
        let mut all = table.lines().filter_map(|line| line.strip_prefix("| **all** | | **")?.strip_suffix("** |"));
        let price: f64 = all.next().expect("the sum of the table").parse().unwrap();
        let said = format!("{price:.0} US");
        for page in [
            include_str!("../../README.md"),
            include_str!("../../README.ja.md"),
            include_str!("../../docs/DEPLOYMENT.md"),
        ] {
            let link = page.split("PERFORMANCE.md#by-the-month").next().and_then(|before| before.rsplit('[').next());
            let link = link.unwrap_or_default();
            assert!(link.contains(&said), "{link:?} instead of {said}");
        }
    }

    #[test]
    fn the_languages_of_the_readme_have_the_same_content() {
        let english = Page::read("# T\n[日本語](README.ja.md)\n## A\n`x`, see [a](b)\n```sh\nc  # d\n```\n");
        let same = Page::read("# 題\n[English](README.md)\n## あ\n[え](b) `x`\n```sh\nc  # で\n```\n");
        assert_eq!(differences(&english, &same), [""; 0]);
        for other in [
            "# 題\n## あ\n`x` [え](b)\n```sh\nc --e\n```\n",
            "# 題\n## あ\n`x` [え](c)\n```sh\nc\n```\n",
            "# 題\n## あ\n[え](b)\n```sh\nc\n```\n",
            "# 題\n### あ\n`x` [え](b)\n```sh\nc\n```\n",
            "# 題\n`x` [え](b)\n## あ\n```sh\nc\n```\n",
        ] {
            assert!(!differences(&english, &Page::read(other)).is_empty(), "{other}");
        }
    }
}
