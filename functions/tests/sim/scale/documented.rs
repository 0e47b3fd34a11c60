//! Compares `docs/SCALING.md` with the code.

use std::collections::BTreeSet;

use super::quotas::{AS_OF, Limit, Quota};
use super::report::digits;

/// The tolerance of a documented number, relative to the simulation.
const TOLERANCE: f64 = 0.1;

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SCALING.md");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A row of its table of quotas.
fn row(quota: Quota) -> String {
    let documented = quota.documented();
    let limit = match documented.limit {
        Limit::Rate { a_second, burst } => format!("{} a second, {} at once", digits(a_second), digits(burst)),
        Limit::AtOnce(most) => format!("{} at once", digits(most)),
        Limit::Growing { from, a_second, to } => {
            format!("{from} at once, {a_second} a second more, up to {}", digits(to))
        }
    };
    let (name, adjustable) = (documented.name, if documented.adjustable { "yes" } else { "no" });
    format!("| {name} | {limit} | {adjustable} | [page](https://docs.aws.amazon.com/{}) |", documented.source)
}

#[test]
fn the_documented_quotas_are_those_of_the_simulation() {
    let page = page();
    let rows: BTreeSet<_> = Quota::ALL.map(row).into();
    let missing: Vec<_> = rows.iter().filter(|row| !page.contains(*row)).map(String::as_str).collect();
    assert!(missing.is_empty(), "docs/SCALING.md lacks\n{}", missing.join("\n"));
    assert!(page.contains(AS_OF));
}

/// Compares the rows of the table of uses: the same rows, in that order, with about these numbers.
pub(super) fn compare(rows: &[(Quota, f64, f64)]) {
    let page = page();
    let (mut last, mut fewer) = (0, 0.0);
    for (quota, used, goals) in rows {
        let name = quota.name();
        let (at, line) = page
            .lines()
            .enumerate()
            .filter_map(|(at, line)| Some((at, line.strip_prefix(&format!("| {name} | "))?)))
            .find(|(_, rest)| rest.split('|').count() == 3)
            .unwrap_or_else(|| panic!("docs/SCALING.md does not say what a goal takes of {name}"));
        let numbers: Vec<f64> = line.split(['|', ' ']).filter_map(|n| n.replace(',', "").parse().ok()).collect();
        let near = |documented: f64, found: f64| (documented - found).abs() <= TOLERANCE * found;
        assert!(
            matches!(numbers[..], [a, b] if near(a, *used) && near(b, *goals)),
            "docs/SCALING.md says {numbers:?} of {name}, found {} and {}",
            digits(*used),
            digits(*goals)
        );
        assert!(at > last || near(fewer, *goals), "{name} is not where it belongs");
        (last, fewer) = (at, *goals);
    }
}
