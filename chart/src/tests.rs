//! Every form on the table of cases (`chart/cases`), and that what is written is read as it was.

use std::collections::BTreeSet;
use std::path::Path;

use goal_activity_core::chart::{Chart, ChartSubGoal};
use goal_activity_core::goal::Side;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Form, grid, read, write};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases");

/// What a case is expected to give: the titles in their places, what is left out, or the error.
fn read_as_json(content: &[u8], form: Option<Form>) -> Value {
    let reading = match read(content, form) {
        Ok(reading) => reading,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let mut read = json!({ "chart": reading.chart });
    if !reading.left_out.is_empty() {
        read["leftOut"] = json!(reading.left_out);
    }
    read
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the switch to write the expectations anew")]
fn every_case_is_read_as_expected() {
    let names = std::fs::read_dir(CASES).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let (expected, cases): (BTreeSet<_>, BTreeSet<_>) = names.partition(|name| name.ends_with(".expected.json"));
    assert!(cases.len() > 20, "{cases:?}");
    let unused = expected.iter().find(|name| !cases.contains(name.trim_end_matches(".expected.json")));
    assert_eq!(unused, None, "an expectation without its case");
    for case in cases {
        let content = std::fs::read(Path::new(CASES).join(&case)).unwrap();
        let read = read_as_json(&content, None);
        let file = Path::new(CASES).join(format!("{case}.expected.json"));
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&read).unwrap())).unwrap();
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(read, expected, "{case}");
        // The form that the name says is the one that is found.
        let form: Option<Form> = case.rsplit('.').next().and_then(|ending| ending.parse().ok());
        assert_eq!(read_as_json(&content, form), expected, "{case} as {form:?}");
    }
}

#[test]
fn a_cell_is_no_formula_of_a_spreadsheet() {
    let titles = ["=cmd|'/c calc'!A1", "+1 kg", "- rest", "@home", "＝SUM(A1)", " =1", "'=1"];
    let sub_goals = titles.iter().zip(Side::all()).map(|(title, position)| ChartSubGoal {
        position,
        title: format!("sub-goal {position}"),
        description: String::new(),
        actions: vec![grid::action(Side::all().next().unwrap(), (*title).to_owned())],
    });
    let chart = Chart { title: "'quoted'".to_owned(), sub_goals: sub_goals.collect(), ..Chart::default() };
    for form in [Form::Csv, Form::Tsv] {
        let written = write(&chart, form);
        for title in titles {
            assert!(written.contains(&format!("'{title}")), "{form}: {title}\n{written}");
        }
        assert!(!written.contains("''quoted"), "{written}");
    }
}

#[test]
fn a_file_that_is_too_large_for_a_chart_is_refused_at_once() {
    let error = read(&vec![b'a'; 512 * 1024 + 1], Some(Form::Markdown)).unwrap_err();
    assert!(error.to_string().contains("more than 512 KiB"), "{error}");
}

#[test]
fn an_outline_has_no_character_that_xml_has_not() {
    let actions = vec![grid::action(Side::all().next().unwrap(), "a\u{b}b\tc".to_owned())];
    let sub_goal = ChartSubGoal {
        position: Side::all().next().unwrap(),
        title: "s".to_owned(),
        description: String::new(),
        actions,
    };
    let chart = Chart { title: "t\u{1}".to_owned(), sub_goals: vec![sub_goal], ..Chart::default() };
    let written = write(&chart, Form::Opml);
    assert!(!written.contains(['\u{1}', '\u{b}']), "{written:?}");
    let read = read(written.as_bytes(), Some(Form::Opml)).unwrap().chart;
    assert_eq!(read.sub_goals[0].actions[0].title, "a b\tc");
}

prop_compose! {
    fn titles()(
        goal in "[a-zA-Z0-9あ-ん漢字#*_<>&|`\"'\\\\~!.,;:()\\[\\]+=-]{1,12}",
        cells in proptest::collection::vec(proptest::option::weighted(0.6, "[a-zA-Z0-9 あ-ん漢字#*_<>&|`\"'\\\\~!.,;:()\\[\\]\n+=-]{1,20}"), 72),
    ) -> Chart {
        let cell = |at: usize| cells[at].as_deref().map(crate::decode::cell).unwrap_or_default();
        let sub_goals = Side::all().enumerate().map(|(index, position)| {
            let actions = Side::all().enumerate().map(|(at, place)| (place, cell(index * 9 + 1 + at)));
            let actions = actions.filter(|(_, title)| !title.is_empty());
            let actions: Vec<_> = actions.map(|(place, title)| grid::action(place, title)).collect();
            ChartSubGoal { position, title: cell(index * 9), description: String::new(), actions }
        });
        let sub_goals = sub_goals.filter(|sub_goal| !sub_goal.title.is_empty() || !sub_goal.actions.is_empty());
        Chart { title: goal, sub_goals: sub_goals.collect(), ..Chart::default() }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(chart in titles()) {
        prop_assume!(chart.action_count() > 0);
        for form in Form::ALL {
            let written = write(&chart, form);
            let reading = read(written.as_bytes(), Some(form));
            let reading = reading.map_err(|error| TestCaseError::fail(format!("{form}: {error}\n{written}")))?;
            prop_assert_eq!(&reading.chart, &chart, "{}:\n{}", form, written);
            prop_assert!(reading.left_out.is_empty());
        }
        // As it is pasted from a spreadsheet: nothing says what it is, and its first cell may begin like anything.
        let pasted = read(write(&chart, Form::Tsv).as_bytes(), None);
        prop_assert_eq!(pasted.map(|reading| reading.chart), Ok(chart));
    }

    #[test]
    fn nothing_that_is_given_makes_it_panic(content in proptest::collection::vec(any::<u8>(), 0..400), form in 0..6_usize) {
        let _ = read(&content, Form::ALL.get(form).copied());
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\":,a#\n\t;|<>/= \\-*1.]{0,200}", form in 0..6_usize) {
        let _ = read(text.as_bytes(), Form::ALL.get(form).copied());
    }
}
