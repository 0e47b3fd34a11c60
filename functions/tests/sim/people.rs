//! Users, other services, operators and unauthorised users: their actions and times are drawn by the seed.

use std::time::Duration;

use goal_activity_core::agreement;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::goal::Goal;
use goal_activity_core::pause::{Ends, Pause};
use goal_activity_core::ports::PauseLaunches;
use goal_activity_events::{
    BatchProgressed, CorrelationId, Detail, ExecutionArn, GoalActivityCancelRequested, GoalActivityRetryRequested,
    GoalId, SOURCE, WorkflowCompleted,
};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ai::Script;
use crate::api::{Ask, call, workflow};
use crate::app::{self, Edit};
use crate::backlog;
use crate::bus;
use crate::charts;
use crate::check;
use crate::flaw::Flaw;
use crate::lambda::{self, Function, invoke};
use crate::machine;
use crate::world::Sim;

/// The maximum number of goals in most runs.
const GOALS: u64 = 3;
/// How many goals are requested at once before the AI goes down, and how many while it is.
const AT_ONCE: u8 = 12;
const LATER: u8 = 8;
/// The share of runs with one user with more small goals than may be processed at once.
const CROWDED: f64 = 0.05;
/// How often the schedule invokes the reconciler, as in `infra/lib/functions.ts`.
pub(crate) const TICK: Duration = Duration::from_secs(60);
/// The delay of its second run, as in `infra/lib/messaging.ts`.
pub(crate) const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Adds goals and the actors that use them. Returns the time of the last actor.
pub(crate) fn arrive(sim: &Sim) -> Duration {
    if sim.profile.is_about_holders() {
        return arrive_in_turn(sim);
    }
    if let Some(down) = sim.profile.ai_down {
        return arrive_all_the_time(sim, down);
    }
    let crowded = sim.chance(CROWDED);
    let goals = if crowded { sim.between(11, 13) } else { sim.between(1, GOALS) };
    if sim.profile.backlog {
        backlog::put(sim);
    }
    let busy = [3_000, 30_000, 300_000, 1_200_000][usize::try_from(sim.between(0, 3)).unwrap()];
    if sim.profile.pauses {
        for _ in 0..sim.between(1, 3) {
            pause(sim, sim.some_millis(1, busy));
        }
    }
    for n in 1..=goals {
        let actions = match sim.between(0, 19) {
            _ if crowded => 1,
            0 => 64,
            1..=4 => sim.between(9, 24),
            _ => sim.between(1, 8),
        };
        let (id, user) = (format!("goal-{n}"), format!("user-{}", if crowded { 1 } else { n % 2 }));
        let goal = put_goal(sim, &id, &user, actions);
        visit(sim, &goal, &user, Errand::Start, Duration::from_millis(1));
        for _ in 0..sim.between(0, if crowded { 2 } else { 7 }) {
            let errand = Errand::draw(sim);
            visit(sim, &goal, &user, errand, sim.some_millis(1, busy));
        }
        // Some goals are not edited even then: their results are checked most strictly.
        if sim.profile.edits && sim.chance(0.8) {
            for _ in 0..sim.between(1, 6) {
                let edit = Edit::draw(sim);
                visit(sim, &goal, &user, Errand::Edit(edit), app::comes_after(sim, busy));
            }
        } else if sim.chance(0.6) {
            // The API writes goals only where they belong to no other program.
            for _ in 0..sim.between(1, 5) {
                visit(sim, &goal, &user, Errand::Rewrite, app::comes_after(sim, busy));
            }
            if sim.chance(0.2) {
                visit(sim, &goal, &user, Errand::Create, sim.some_millis(1, busy));
            }
        }
    }
    Duration::from_millis(busy)
}

/// An operator pauses launching with `goalctl`, and resumes it minutes later. Another one may do the same meanwhile: the
/// first who resumes does so for all.
fn pause(sim: &Sim, after: Duration) {
    sim.core().busy += 1;
    let sim = sim.clone();
    tokio::task::spawn_local(async move {
        let machine = samples::state_machine();
        sleep(after).await;
        sim.note("operator", || "pauses launching".to_owned());
        sim.count("pauses");
        // The tool itself has no faults: an operator who gets no answer repeats the command.
        let pause = Pause::new(sim.now(), "for the simulation");
        if sim.has(Flaw::PauseNotCopied) {
            sim.tables.pause_launches(&machine, &pause).await.unwrap();
        } else {
            agreement::pause_launches(&sim.tables, &machine, &pause).await.unwrap();
        }
        check::paused(&sim, &pause);
        sleep(sim.some_millis(1_000, 600_000)).await;
        resume(&sim).await;
        sim.core().busy -= 1;
    });
}

async fn resume(sim: &Sim) {
    agreement::resume_launches(&sim.tables, &samples::state_machine(), sim.now()).await.unwrap();
    check::resumed(sim);
    sim.note("operator", || "resumes launching".to_owned());
}

/// An operator decides after a while to go on, although the day's amount for the AI is spent.
pub(crate) async fn pay_more(sim: Sim) {
    loop {
        sleep(sim.some_millis(600_000, 1_200_000)).await;
        let paused = sim.tables.state().paused();
        if paused.is_some_and(|pause| matches!(pause.ends, Some(Ends::Time { .. }))) {
            resume(&sim).await;
        }
    }
}

/// A user requests two small goals, and another one a large goal soon after: its turn is before that of the second one.
fn arrive_in_turn(sim: &Sim) -> Duration {
    let visits = [("goal-1", "user-1", sim.between(1, 8), 0), ("goal-2", "user-1", sim.between(1, 8), 2_000)];
    let large = ("goal-3", "user-2", sim.between(9, 24), sim.between(5_000, 30_000));
    for (id, user, actions, at) in visits.into_iter().chain([large]) {
        let goal = put_goal(sim, id, user, actions);
        visit(sim, &goal, user, Errand::Start, Duration::from_millis(at + 1));
    }
    Duration::from_secs(600)
}

/// Small goals are requested at once, more than can be processed, and further ones until the AI is back.
fn arrive_all_the_time(sim: &Sim, (from, to): (Duration, Duration)) -> Duration {
    if sim.profile.pauses {
        pause(sim, sim.some_millis(1, 600_000));
    }
    for n in 1..=AT_ONCE + LATER {
        let goal = put_goal(sim, &format!("goal-{n}"), &format!("user-{n}"), sim.between(1, 8));
        let while_down = to.saturating_sub(from) / u32::from(LATER) * u32::from(n.saturating_sub(AT_ONCE));
        let after = if n <= AT_ONCE { Duration::from_secs(n.into()) } else { from + while_down };
        visit(sim, &goal, &format!("user-{n}"), Errand::Start, after);
        if sim.chance(0.1) {
            let errand = if sim.chance(0.5) { Errand::Cancel } else { Errand::Stop };
            visit(sim, &goal, &format!("user-{n}"), errand, after + sim.some_millis(1, 600_000));
        }
    }
    to + Duration::from_secs(60)
}

/// Adds a goal, and defines the AI's behaviour for each of its actions.
pub(crate) fn put_goal(sim: &Sim, id: &str, user: &str, actions: u64) -> GoalId {
    let goal = samples::goal(id, user, u8::try_from(actions).unwrap());
    let goal_id = goal.head.goal_id.clone();
    for action in &goal.actions {
        let script = Script::draw(sim);
        sim.core().scripts.insert((goal_id.clone(), action.action_id.clone()), script);
    }
    charts::put_by_hand(sim, &goal);
    sim.tables.state().goals.insert(goal_id.clone(), goal);
    goal_id
}

/// An actor's action.
#[derive(Debug, Clone, Copy)]
enum Errand {
    Start,
    StartSome,
    Regenerate,
    /// Several at the same moment.
    Race,
    Cancel,
    CancelAtTheEnd,
    Retry,
    DoTasks,
    Look,
    /// Another service's request, delivered twice.
    Service,
    /// A request in the name of a user who is not the owner.
    Forgery,
    Stranger,
    /// An operator stops the execution in the console.
    Stop,
    /// The goal app makes changes.
    Edit(Edit),
    /// The chart is read, changed and put.
    Rewrite,
    /// A new goal is put.
    Create,
}

impl Errand {
    fn draw(sim: &Sim) -> Self {
        let all = [
            Self::Start,
            Self::StartSome,
            Self::Regenerate,
            Self::Race,
            Self::Cancel,
            Self::CancelAtTheEnd,
            Self::Retry,
            Self::Retry,
            Self::DoTasks,
            Self::DoTasks,
            Self::Look,
            Self::Service,
            Self::Service,
            Self::Forgery,
            Self::Stranger,
            Self::Stop,
        ];
        all[usize::try_from(sim.between(0, all.len() as u64 - 1)).unwrap()]
    }
}

fn visit(sim: &Sim, goal: &GoalId, user: &str, errand: Errand, after: Duration) {
    sim.core().busy += 1;
    let (sim, goal, user) = (sim.clone(), goal.clone(), user.to_owned());
    tokio::task::spawn_local(async move {
        sleep(after).await;
        if !matches!(errand, Errand::Edit(_)) {
            sim.count(format!("errand {errand:?}"));
        }
        run_errand(&sim, &goal, &user, errand).await;
        sim.core().busy -= 1;
    });
}

async fn run_errand(sim: &Sim, goal: &GoalId, user: &str, errand: Errand) {
    let last = last_workflow(sim, goal);
    let arn = last.as_ref().map(|e| e.execution_arn.clone());
    if let (Errand::Cancel | Errand::CancelAtTheEnd | Errand::Stop, Some(arn)) = (errand, &arn) {
        sim.core().unwanted.insert(arn.clone());
    }
    match (errand, arn) {
        (Errand::Start, _) => {
            let class = if sim.chance(0.2) { "BULK" } else { "INTERACTIVE" };
            Ask::start(sim, goal, user, json!({ "priorityClass": class })).say(sim).await;
        }
        (Errand::StartSome, _) => {
            let actions = some_actions(sim, goal);
            Ask::start(sim, goal, user, json!({ "actionIds": actions, "regenerate": sim.chance(0.5) })).say(sim).await;
        }
        (Errand::Regenerate, _) => Ask::start(sim, goal, user, json!({ "regenerate": true })).say(sim).await,
        (Errand::Race, _) => {
            // With a key it is one request that is repeated, without a key they are several.
            let ask = Ask::start(sim, goal, user, json!({}));
            futures_util::future::join_all((0..sim.between(2, 4)).map(|_| ask.say(sim))).await;
        }
        (Errand::Cancel, Some(arn)) => cancel(sim, user, &arn).await,
        (Errand::CancelAtTheEnd, Some(arn)) => {
            wait_for_the_end(sim, &arn).await;
            cancel(sim, user, &arn).await;
        }
        (Errand::Retry, Some(arn)) => Ask::retry(sim, user, &arn).say(sim).await,
        (Errand::Look, Some(arn)) => look(sim, user, &arn).await,
        (Errand::DoTasks, _) => app::do_tasks(sim, goal),
        (Errand::Edit(edit), _) => app::edit(sim, goal, user, edit).await,
        (Errand::Rewrite, _) => charts::rewrite(sim, goal, user).await,
        (Errand::Create, _) => charts::create(sim, user).await,
        (Errand::Service, _) => service(sim, goal, user),
        (Errand::Forgery, _) => forge(sim, goal, &format!("not-{user}")),
        (Errand::Stranger, arn) => stranger(sim, goal, &format!("not-{user}"), arn).await,
        (Errand::Stop, Some(arn)) => {
            sim.note("operator", || format!("stops {}", arn.name()));
            machine::stop(sim, &arn);
        }
        (_, None) => {}
    }
}

fn last_workflow(sim: &Sim, goal: &GoalId) -> Option<Execution> {
    let state = sim.tables.state();
    let of_goal = state.executions.values().filter(|e| e.goal_id == *goal);
    of_goal.max_by_key(|e| (e.start_date, e.execution_arn.clone())).cloned()
}

fn some_actions(sim: &Sim, goal: &GoalId) -> Vec<String> {
    let of = |g: &Goal| g.actions.iter().map(|a| a.action_id.as_str().to_owned()).collect();
    let all: Vec<String> = sim.tables.state().goals.get(goal).map_or_else(|| vec!["nowhere".to_owned()], of);
    let some: Vec<_> = all.iter().filter(|_| sim.chance(0.4)).cloned().collect();
    if some.is_empty() { all } else { some }
}

/// Until all is saved, or it took too long.
async fn wait_for_the_end(sim: &Sim, arn: &ExecutionArn) {
    for _ in 0..1_000 {
        let near = {
            let state = sim.tables.state();
            let open = state.executions.get(arn).is_some_and(|e| !e.has_ended());
            !open || state.ledgers.get(&(arn.clone(), 0)).is_some_and(|l| l.sealed)
        };
        if near {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    sleep(sim.some_millis(0, 400)).await;
}

async fn cancel(sim: &Sim, user: &str, arn: &ExecutionArn) {
    let Some((200, body)) = workflow(sim, user, "POST", "cancel", arn).await else { return };
    let status = sim.tables.state().executions[arn].status();
    if body["status"] != "ABORTED" || status != Status::Aborted {
        sim.violated("P4", format!("a cancel of {} is answered with {}, it is {status}", arn.name(), body["status"]));
    }
}

async fn look(sim: &Sim, user: &str, arn: &ExecutionArn) {
    let mut last = (0, 0);
    for _ in 0..sim.between(1, 10) {
        if let Some((200, body)) = workflow(sim, user, "GET", "status", arn).await {
            let seen = ["progressPercentage", "processedActions"].map(|f| body[f].as_u64().unwrap());
            let ended = body.get("stopDate").is_some();
            if seen[0] < last.0 || seen[1] < last.1 || (seen[0] == 100 && !ended) {
                sim.violated("P6", format!("{} shows {seen:?} after {last:?}", arn.name()));
            }
            if seen[0] == 100 && body["status"] == "ABORTED" {
                sim.violated("P6", format!("{} was cancelled and shows 100 %", arn.name()));
            }
            last = (seen[0], seen[1]);
        }
        sleep(sim.some_millis(500, 20_000)).await;
    }
}

/// The correlation id of the request of that number among those under one id.
pub(crate) fn wish(number: usize) -> CorrelationId {
    format!("wish-{number}").parse().expect("a correlation id")
}

fn service(sim: &Sim, goal: &GoalId, user: &str) {
    let (source, event) = (format!("service-{}", sim.between(1, 2)), format!("event-{}", sim.between(1, 6)));
    let mut detail = json!({
        "version": "1", "eventId": format!("{goal}-{event}"), "occurredAt": sim.now(), "goalId": goal,
        "userId": user, "regenerate": sim.chance(0.4),
    });
    if sim.chance(0.3) {
        detail["actionIds"] = some_actions(sim, goal).into();
    }
    if sim.chance(0.3) {
        detail["priorityClass"] = "BULK".into();
    }
    if sim.chance(0.3) {
        let (sim, source, goal, user) = (sim.clone(), source.clone(), goal.clone(), user.to_owned());
        sim.core().busy += 1;
        tokio::task::spawn_local(async move {
            sleep(sim.some_millis(1, 400_000)).await;
            follow_up(&sim, &source, &goal, &user);
            sim.core().busy -= 1;
        });
    }
    request(sim, &source, &mut detail);
    sim.note(&source, || format!("asks for {goal} as {event}"));
    bus::put_foreign(sim, &source, &detail);
    // The sender is not sure, and repeats it, perhaps after the end; or it uses the id once more by mistake.
    let mistaken = sim.chance(0.2);
    if mistaken || sim.chance(0.6) {
        if mistaken {
            detail["regenerate"] = (detail["regenerate"] != true).into();
        }
        let later = if sim.chance(0.5) { sim.some_millis(1, 2_000) } else { sim.some_millis(1, 300_000) };
        sim.core().busy += 1;
        let sim = sim.clone();
        tokio::task::spawn_local(async move {
            sleep(later).await;
            request(&sim, &source, &mut detail);
            sim.note(&source, || "says it again, or something else under the same id".to_owned());
            bus::put_foreign(&sim, &source, &detail);
            sim.core().busy -= 1;
        });
    }
}

/// A service wants the last workflow of the goal to stop, or what failed in it once more; perhaps it is another's. It says so
/// once or twice.
fn follow_up(sim: &Sim, source: &str, goal: &GoalId, user: &str) {
    let Some(last) = last_workflow(sim, goal) else { return };
    let arn = last.execution_arn;
    let stops = sim.chance(0.5);
    let detail_type = if stops { GoalActivityCancelRequested::TYPE } else { GoalActivityRetryRequested::TYPE };
    let event = format!("{}-{}", arn.name(), if stops { "stop" } else { "retry" });
    let detail = json!({
        "version": "1", "eventId": event, "occurredAt": sim.now(), "executionArn": arn, "userId": user,
    });
    if stops && last.request_source.as_deref() == Some(source) {
        sim.core().unwanted.insert(arn.clone());
    }
    sim.core().followed_up.insert((source.to_owned(), event), arn.clone());
    sim.note(source, || format!("{detail_type} of {}", arn.name()));
    for _ in 0..sim.between(1, 2) {
        bus::put_forged(sim, source, detail_type, &detail);
    }
}

/// Notes a request of a service. Under one id may come different ones: each gets a correlation id of its own, by which its
/// answer is found.
fn request(sim: &Sim, source: &str, detail: &mut Value) {
    let asked = (source.to_owned(), detail["eventId"].as_str().unwrap_or_default().to_owned());
    let what = format!("{} {} {}", detail["userId"], detail["regenerate"], detail["actionIds"]);
    let number = {
        let mut core = sim.core();
        let wishes = core.asked.entry(asked).or_default();
        wishes.iter().position(|other| *other == what).unwrap_or_else(|| {
            wishes.push(what);
            wishes.len() - 1
        })
    };
    if number > 0 {
        sim.count("requests under a used id");
    }
    detail["correlationId"] = wish(number).to_string().into();
}

/// A request for a goal of another user, with an execution of another user; or a forged end or progress of a workflow.
fn forge(sim: &Sim, goal: &GoalId, user: &str) {
    if let Some(last) = last_workflow(sim, goal).filter(|_| sim.chance(0.6)) {
        let total = last.total_actions.min(8);
        let mut detail = json!({
            "version": "1", "eventId": "forged", "occurredAt": sim.now(), "executionArn": last.execution_arn,
            "goalId": goal, "userId": last.user_id, "totalActions": total, "succeededActions": total, "failedActions": [],
        });
        if sim.chance(0.5) {
            (detail["batchIndex"], detail["sequence"]) = (0.into(), 1_000.into());
            return bus::put_forged(sim, "forger", BatchProgressed::TYPE, &detail);
        }
        (detail["status"], detail["durationMs"]) = ("SUCCEEDED".into(), 1.into());
        (detail["startDate"], detail["stopDate"]) = (detail["occurredAt"].clone(), detail["occurredAt"].clone());
        detail["totalActions"] = last.total_actions.into();
        detail["succeededActions"] = last.total_actions.into();
        let source = if sim.chance(0.5) { SOURCE } else { "forger" };
        return bus::put_forged(sim, source, WorkflowCompleted::TYPE, &detail);
    }
    let mut detail = json!({
        "version": "1", "eventId": "forged", "occurredAt": sim.now(), "goalId": goal, "userId": user,
        "regenerate": true,
    });
    if let Some(last) = last_workflow(sim, goal).filter(|_| sim.chance(0.5)) {
        detail["executionArn"] = last.execution_arn.as_str().into();
    }
    bus::put_foreign(sim, "forger", &detail);
}

async fn stranger(sim: &Sim, goal: &GoalId, user: &str, arn: Option<ExecutionArn>) {
    let route = "POST /api/goals/{goalId}/start-activity";
    let mut answers = vec![call(sim, user, route, &json!({ "goalId": goal }), &json!({}), None).await];
    if let Some(arn) = arn {
        for (method, what) in [("POST", "cancel"), ("POST", "retry"), ("GET", "status")] {
            answers.push(workflow(sim, user, method, what, &arn).await);
        }
    }
    // Deleted goals have no owner.
    let deleted = sim.core().app.has_touched(goal).then_some(404);
    for (status, _) in answers.into_iter().flatten() {
        if deleted != Some(status) && ![403, 503].contains(&status) {
            sim.violated("P9", format!("a stranger is answered {status}"));
        }
    }
}

/// The reconciler: EventBridge Scheduler invokes at least once (EventBridge user guide, "Rules that run on a
/// schedule"); here a tick is sometimes lost, as when the function is throttled. So is its copy, which is delivered by
/// a queue with a delay.
pub(crate) async fn tick(sim: Sim) {
    if sim.has(Flaw::ReconcilerOff) {
        return;
    }
    sleep(sim.some_millis(0, 60_000)).await;
    loop {
        reconcile(&sim);
        sleep(AGAIN_AFTER).await;
        if !sim.has(Flaw::RunNotRepeated) {
            reconcile(&sim);
        }
        sleep(TICK.saturating_sub(AGAIN_AFTER)).await;
    }
}

fn reconcile(sim: &Sim) {
    let runs = match (sim.goes_wrong(sim.profile.lose_tick, "a tick is lost"), sim.chance(0.5)) {
        (true, true) => 0,
        (true, false) => 2,
        (false, _) => 1,
    };
    for _ in 0..runs {
        let sim = sim.clone();
        tokio::task::spawn_local(async move {
            invoke(&sim, Function::Reconcile, Vec::new(), None, |p| {
                Box::pin(async move { lambda::reconcile(&p).run(Function::Reconcile.budget()).await })
            })
            .await;
        });
    }
}
