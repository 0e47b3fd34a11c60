//! `WriteChart`, `ListGoals`.

use goal_activity_core::edit::{ChartChange, WantedChart, Writer, create, replace};
use goal_activity_core::goal::{Goal, GoalClaim, GoalStatus, Revision};
use goal_activity_core::keys;
use goal_activity_core::placement::TasksByAction;
use goal_activity_core::ports::{ChartWritten, ClaimGoal, Claimed, ListGoals, LoadGoal, Stored, WriteChart};
use goal_activity_core::rows::goal_rows;
use goal_activity_events::{ClaimSequence, read_json};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::backend::{AwsTables, Tables};
use crate::given::{TEXT, USER, at, claim, execution, goal, goal_of, stored, stored_goal};

on_all_tables!(
    a_goal_is_created_once,
    a_whole_chart_is_written_at_once,
    nothing_of_an_earlier_goal_of_the_same_id_is_left,
    only_what_changes_is_written,
    a_chart_is_written_only_on_what_was_read,
    p1_a_claim_and_a_write_exclude_each_other,
    the_goals_of_a_user_are_listed_by_their_ids,
);

mod rows {
    use super::*;

    on_dynamodb!(what_other_programs_store_with_a_goal_stays);

    async fn what_other_programs_store_with_a_goal_stays(on: &AwsTables) {
        let goal = goal(1);
        let mut row: Value = goal_rows(&goal).unwrap().remove(0).into();
        row["colour"] = json!("red");
        row["deadline"] = json!("soon");
        on.put_goal_row(row.clone()).await;
        let before = stored_goal(on, &goal).await.unwrap();
        assert_eq!(write(on, &changed(&before, &json!({ "title": "new" }))).await, ChartWritten::Yes);
        row["title"] = json!("new");
        row["updatedAt"] = json!(at(9));
        row[keys::REVISION] = json!(1);
        row.as_object_mut().unwrap().remove("deadline");
        assert_eq!(on.goal_row(&goal.head.goal_id, keys::GOAL).await, Some(row));
    }
}

fn writer(goal: &Goal) -> Writer {
    Writer { goal_id: goal.head.goal_id.clone(), user_id: goal.head.user_id.clone(), at: at(9) }
}

fn wanted(chart: &Value) -> WantedChart {
    read_json::<goal_activity_core::edit::ChartRequest>(&chart.to_string()).unwrap().try_into().unwrap()
}

/// The change that makes that chart of a goal.
fn changed(goal: &Goal, chart: &Value) -> ChartChange {
    replace(goal, None, &wanted(chart), &TasksByAction::new(), &writer(goal)).unwrap()
}

fn created(goal: &Goal, chart: &Value) -> ChartChange {
    create(&wanted(chart), &TasksByAction::new(), &writer(goal)).unwrap()
}

async fn write(on: &impl Tables, change: &ChartChange) -> ChartWritten {
    on.db().write_chart(change, at(9)).await.unwrap()
}

/// A chart with every text, in every place.
fn full() -> Value {
    let action = json!({
        "title": TEXT, "description": TEXT, "background": TEXT, "constraints": TEXT, "type": "habit",
    });
    let sub_goal = json!({ "title": TEXT, "description": TEXT, "actions": vec![action; 8] });
    json!({
        "title": TEXT, "description": TEXT, "background": TEXT, "constraints": TEXT, "deadline": TEXT,
        "subGoals": vec![sub_goal; 8],
    })
}

async fn a_goal_is_created_once(on: &impl Tables) {
    let (one, other) = (goal(0), goal(0));
    let change = created(&one, &json!({ "title": "t", "subGoals": [{ "actions": [{ "title": "a" }] }] }));
    assert_eq!(write(on, &change).await, ChartWritten::Yes);
    assert_eq!(stored_goal(on, &one).await, Some(change.goal.clone()));
    let mut foreign = created(&one, &full());
    foreign.goal.head.user_id = other.head.user_id;
    for again in [created(&one, &full()), foreign] {
        assert_eq!(write(on, &again).await, ChartWritten::GoalChanged);
        assert_eq!(stored_goal(on, &one).await, Some(change.goal.clone()));
    }
}

async fn a_whole_chart_is_written_at_once(on: &impl Tables) {
    let new = goal(0);
    let change = created(&new, &full());
    assert_eq!((write(on, &change).await, change.goal.actions.len()), (ChartWritten::Yes, 64));
    assert_eq!(stored_goal(on, &new).await, Some(change.goal.clone()));
    let empty = changed(&change.goal, &json!({ "title": "empty" }));
    assert_eq!(write(on, &empty).await, ChartWritten::Yes);
    let now = stored_goal(on, &new).await.unwrap();
    assert_eq!(now, empty.goal);
    assert_eq!((now.sub_goals.len(), now.actions.len(), now.head.deadline, now.head.revision.0), (0, 0, None, 2));
    assert_eq!(write(on, &changed(&empty.goal, &full())).await, ChartWritten::Yes);
}

async fn nothing_of_an_earlier_goal_of_the_same_id_is_left(on: &impl Tables) {
    let earlier = goal(64);
    for row in goal_rows(&earlier).unwrap().split_off(1) {
        on.put_goal_row(row.into()).await;
    }
    assert_eq!(on.db().load_goal(&earlier.head.goal_id).await.unwrap(), Stored::Nothing);
    let change = created(&earlier, &json!({ "title": "t", "subGoals": [{ "actions": [{ "title": "mine" }] }] }));
    assert_eq!(write(on, &change).await, ChartWritten::Yes);
    assert_eq!(stored_goal(on, &earlier).await, Some(change.goal));
}

async fn only_what_changes_is_written(on: &impl Tables) {
    let goal = stored(on, 9).await;
    let sub_goal =
        |n: u8, actions: Value| json!({ "position": n, "title": format!("Sub-goal {n}"), "actions": actions });
    let first: Vec<_> = (1..=8).map(|n| json!({ "title": format!("Action 1#{n}") })).collect();
    let chart = json!({
        "title": "Run a marathon",
        "subGoals": [sub_goal(1, json!(first)), sub_goal(2, json!([{}, { "title": "new" }]))],
    });
    let change = changed(&goal, &chart);
    assert_eq!((change.sub_goals.len(), change.actions.len()), (0, 2), "{change:?}");
    // Another program has written one of the others meanwhile, without counting.
    let mut row: Value = goal_rows(&goal).unwrap().remove(3).into();
    assert_eq!(row[keys::ITEM], "ACTION#1#1");
    row["title"] = json!("by the app");
    on.put_goal_row(row).await;
    assert_eq!(write(on, &change).await, ChartWritten::Yes);
    let now = stored_goal(on, &goal).await.unwrap();
    let titles: Vec<_> = now.actions.iter().map(|action| action.title.as_str()).collect();
    assert_eq!((titles.len(), titles[0], titles[1], titles[8]), (9, "by the app", "Action 1#2", "new"));
}

/// What another writer makes of a goal. The claim is one that it may take.
type Change = fn(&mut Goal, &GoalClaim);

async fn a_chart_is_written_only_on_what_was_read(on: &impl Tables) {
    let other = GoalClaim::from(execution(&goal(1), 1).execution_arn);
    let changes: [(&str, Change); 7] = [
        ("owner", |goal, _| goal.head.user_id = "another".parse().unwrap()),
        ("claim", |goal, other| goal.head.claimed_by = Some(other.clone())),
        ("count of claims", |goal, _| goal.head.claims = ClaimSequence(1)),
        ("revision", |goal, _| goal.head.revision = Revision(1)),
        ("completed", |goal, _| goal.head.status = GoalStatus::Completed),
        ("paused", |goal, _| goal.head.status = GoalStatus::Paused),
        ("cancelled", |goal, _| goal.head.status = GoalStatus::Cancelled),
    ];
    for (what, differs) in changes {
        let read = stored(on, 2).await;
        let mut now = read.clone();
        differs(&mut now, &other);
        on.put_goal(&now).await;
        assert_eq!(write(on, &changed(&read, &full())).await, ChartWritten::GoalChanged, "{what}");
        assert_eq!(stored_goal(on, &read).await, Some(now.clone()), "{what}");
        if !now.head.status.is_closed() {
            assert_eq!(write(on, &changed(&now, &full())).await, ChartWritten::Yes, "{what}");
        }
    }
    let gone = goal(2);
    assert_eq!(write(on, &changed(&gone, &full())).await, ChartWritten::GoalChanged, "deleted");
    assert_eq!(on.db().load_goal(&gone.head.goal_id).await.unwrap(), Stored::Nothing);
    // A claim that was read, and whose execution has ended, is as good as none; so is one that is removed meanwhile.
    let mut stale = goal(2);
    stale.head.claimed_by = Some(other);
    on.put_goal(&stale).await;
    assert_eq!(write(on, &changed(&stale, &full())).await, ChartWritten::Yes);
    let mut freed = goal(2);
    on.put_goal(&freed).await;
    freed.head.claimed_by = stale.head.claimed_by;
    assert_eq!(write(on, &changed(&freed, &full())).await, ChartWritten::Yes);
}

async fn p1_a_claim_and_a_write_exclude_each_other(on: &impl Tables) {
    let read = stored(on, 2).await;
    assert_eq!(on.db().claim_goal(&claim(&read, 1)).await.unwrap(), Claimed::Yes);
    assert_eq!(write(on, &changed(&read, &full())).await, ChartWritten::GoalChanged);

    let read = stored(on, 2).await;
    let change = changed(&read, &full());
    assert_eq!(write(on, &change).await, ChartWritten::Yes);
    assert_eq!(on.db().claim_goal(&claim(&read, 1)).await.unwrap(), Claimed::GoalChanged);
    assert_eq!(on.db().claim_goal(&claim(&change.goal, 1)).await.unwrap(), Claimed::Yes);
    let claimed = stored_goal(on, &read).await.unwrap();
    assert_eq!((claimed.head.status, claimed.head.revision), (GoalStatus::Processing, Revision(1)));
}

async fn the_goals_of_a_user_are_listed_by_their_ids(on: &impl Tables) {
    let user = format!("{USER}-{}", Uuid::new_v4());
    let mut ids = Vec::new();
    for n in 0..5 {
        let goal = goal_of(&user, 2);
        ids.push(goal.head.goal_id.clone());
        if n < 3 {
            on.put_goal(&goal).await;
        } else {
            let change = created(&goal, &json!({ "title": "t" }));
            assert_eq!(write(on, &change).await, ChartWritten::Yes);
        }
    }
    stored(on, 2).await;
    ids.sort();
    let user = user.parse().unwrap();
    assert_eq!(on.db().list_goals(&user).await.unwrap(), ids);
    on.remove_goal(&ids[2]).await;
    ids.remove(2);
    assert_eq!(on.db().list_goals(&user).await.unwrap(), ids);
    assert_eq!(on.db().list_goals(&"nobody".parse().unwrap()).await.unwrap(), []);
}
