//! `cargo xtask bench page`: how large the page's scripts are, and how fast a browser shows a chart. The page measures itself
//! (`web/test/measure`); here are the goals.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use goal_activity_core::limits::MAX_ACTIONS;
use goal_activity_local::page;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::step::step;
use serde::Deserialize;

use crate::read_model::has_all_tasks;
use crate::report::{Figure, Section};
use crate::stage::{Functions, Stage};
use crate::stats::{median, percentile, whole};

const COMMAND: &str = "cargo xtask bench page";
/// How often the page is opened, after a first time.
const RUNS: usize = 11;
/// The longest that the workflow before may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The goals for the median, in milliseconds: as they are here, and for a slow phone.
const GOALS: [(&str, &str, Goals); 2] = [
    ("plain", "as it is", Goals { contentful_paint: 500.0, chart: 1_000.0 }),
    // What web.dev calls good for the first and the largest contentful paint.
    ("slow", "slow phone", Goals { contentful_paint: 1_800.0, chart: 2_500.0 }),
];

#[derive(Debug, Clone, Copy)]
struct Goals {
    contentful_paint: f64,
    chart: f64,
}

/// What `web/test/measure` writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    /// The limit of `npm run test:size`.
    most_bytes: u64,
    scripts: BTreeMap<String, ScriptSize>,
    openings: BTreeMap<String, Vec<Opening>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct ScriptSize {
    plain: u64,
    gzip: u64,
    brotli: u64,
}

/// One opening of the page: milliseconds since it began.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    first_paint: f64,
    first_contentful_paint: f64,
    chart: f64,
    bytes: u64,
    requests: u64,
    /// The paths of the scripts that it has loaded.
    scripts: Vec<String>,
}

/// Opens a finished chart of 64 actions, as the page is deployed, with an empty cache.
pub(crate) fn measure(project: &Project, functions: &Functions) -> Result<Vec<Section>> {
    let mut stage = Stage::new(project, "bench-page", 1, functions)?;
    let goals = stage.goals(1, u8::try_from(MAX_ACTIONS)?, Duration::ZERO)?;
    let goal = goals.first().context("no goal was stored")?;
    let ended = stage.ended(&stage.start(goal)?, PATIENCE)?;
    ensure!(has_all_tasks(&ended), "{} ended as {}", ended.execution_arn, ended.status());
    let stack_file = stage.folder().join("stack.json");
    stage.local.stack.write(&stack_file)?;
    let url = page::serve(project, &stage.local.emulator, &stack_file)?;
    let figures = stage.folder().join("figures.json");
    step("page opened again and again", || open(project, &url, goal.head.goal_id.as_str(), &figures))?;
    let text = std::fs::read_to_string(&figures).with_context(|| format!("cannot read {}", figures.display()))?;
    let measured: Measured = serde_json::from_str(&text)?;
    Ok(vec![sizes(&measured), times(&measured)?])
}

fn open(project: &Project, url: &str, goal: &str, figures: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "measure"]).current_dir(project.web());
    npm.env("WEB_URL", url).env("GOAL_ID", goal).env("RUNS", RUNS.to_string()).env("FIGURES", figures);
    process::quietly(&mut npm).map(drop)
}

fn sizes(measured: &Measured) -> Section {
    let mut section = Section::new("The page's scripts", COMMAND, ["as built", "gzip", "Brotli"]);
    let kilobytes = |bytes| Figure::new(whole(bytes) / 1e3, "kB");
    let all = sum(measured.scripts.values());
    let most = whole(measured.most_bytes) / 1e3;
    section.row("all", [kilobytes(all.plain), kilobytes(all.gzip), kilobytes(all.brotli).at_most(most)].map(Some));
    let loaded = |name: &str| {
        let openings = measured.openings.values().flatten();
        openings.flat_map(|opening| &opening.scripts).any(|path| path.ends_with(name))
    };
    let first = sum(measured.scripts.iter().filter(|(name, _)| loaded(name)).map(|(_, size)| size));
    section.row("those of a chart", [first.plain, first.gzip, first.brotli].map(|bytes| Some(kilobytes(bytes))));
    section
}

fn sum<'a>(sizes: impl Iterator<Item = &'a ScriptSize>) -> ScriptSize {
    sizes.fold(ScriptSize::default(), |sum, size| ScriptSize {
        plain: sum.plain + size.plain,
        gzip: sum.gzip + size.gzip,
        brotli: sum.brotli + size.brotli,
    })
}

fn times(measured: &Measured) -> Result<Section> {
    let columns = GOALS.iter().flat_map(|(_, title, _)| [(*title).to_owned(), format!("{title}, slowest")]);
    let columns: Vec<String> = columns.collect();
    let title = "A chart of 64 actions in a browser, empty cache";
    let mut section = Section::new(title, COMMAND, columns.iter().map(String::as_str));
    let mut row = |what: &str, unit, of: &dyn Fn(&Opening) -> f64, goal: &dyn Fn(Goals) -> Option<f64>| {
        let mut figures = Vec::new();
        for (name, _, goals) in GOALS {
            let openings = measured.openings.get(name).map(Vec::as_slice).unwrap_or_default();
            let values: Vec<f64> = openings.iter().map(of).collect();
            let middle = median(&values).with_context(|| format!("the page was not opened: {name}"))?;
            let middle = Figure::new(middle, unit);
            figures.push(Some(goal(goals).map_or(middle, |goal| middle.at_most(goal))));
            figures.push(percentile(&values, 1.0).map(|slowest| Figure::new(slowest, unit)));
        }
        section.row(what, figures);
        anyhow::Ok(())
    };
    row("first paint", "ms", &|opening| opening.first_paint, &|_| None)?;
    row("first contentful paint", "ms", &|opening| opening.first_contentful_paint, &|goals| {
        Some(goals.contentful_paint)
    })?;
    row("64 cells on the screen", "ms", &|opening| opening.chart, &|goals| Some(goals.chart))?;
    row("received until then", "kB", &|opening| whole(opening.bytes) / 1e3, &|_| None)?;
    row("requests until then", "", &|opening| whole(opening.requests), &|_| None)?;
    section.note(format!("Medians of {RUNS} openings, after a first one. Without TLS, by HTTP/1.1, with Brotli."));
    section.note("Slow phone: CPU 4 times slower, 562.5 ms more for each request, 1.47 Mbit/s (Lighthouse, slow 4G).");
    Ok(section)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured() -> Measured {
        let opening = |chart: f64| {
            json!({
                "firstPaint": 90.0, "firstContentfulPaint": 100.0, "chart": chart, "bytes": 90_000, "requests": 6,
                "scripts": ["/assets/index-1.js"],
            })
        };
        serde_json::from_value(json!({
            "mostBytes": 120_000,
            "scripts": {
                "index-1.js": {"plain": 200_000, "gzip": 70_000, "brotli": 60_000},
                "oidc-2.js": {"plain": 100_000, "gzip": 40_000, "brotli": 30_000},
            },
            "openings": {"plain": [opening(300.0), opening(200.0), opening(1_500.0)], "slow": [opening(3_000.0)]},
        }))
        .unwrap()
    }

    #[test]
    fn all_scripts_count_against_the_limit_and_those_of_a_chart_are_told_apart() {
        let table = sizes(&measured()).table();
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[3], ["all", "300", "kB", "110", "kB", "90", "kB"]);
        assert_eq!(rows[4], ["those", "of", "a", "chart", "200", "kB", "70", "kB", "60", "kB"]);
    }

    #[test]
    fn the_median_has_the_goal() {
        let table = times(&measured()).unwrap().table();
        let chart = table.lines().find(|line| line.trim().starts_with("64 cells")).unwrap();
        let words: Vec<&str> = chart.split_whitespace().skip(5).collect();
        assert_eq!(words, ["300", "ms", "1500", "ms", "3000", "ms", "(goal", "2500)", "3000", "ms"]);
    }

    #[test]
    fn a_page_that_was_never_opened_is_an_error() {
        let mut measured = measured();
        measured.openings.remove("slow");
        assert_eq!(times(&measured).unwrap_err().to_string(), "the page was not opened: slow");
    }
}
