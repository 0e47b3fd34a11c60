use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use goal_activity_core::ports::Unavailable;
use goal_activity_events::Timestamp;
use goal_activity_testkit::GatewayRequest;
use goal_activity_testkit::stub::{Reply, Response, Stub, nobody};
use serde_json::json;

use super::*;
use crate::cell::tests::cell;
use crate::cell::{CellState, Health, Verdict};

/// How long the router waits in these tests.
const TIME: Duration = Duration::from_millis(300);

/// The table in memory.
#[derive(Debug, Default)]
struct Memory {
    cells: Vec<Cell>,
    homes: BTreeMap<UserId, Home>,
    is_down: bool,
    settled: usize,
}

type Shared = Arc<Mutex<Memory>>;

impl Registry for Shared {
    async fn cells(&self) -> Result<Vec<Cell>, Unavailable> {
        let memory = self.lock().unwrap();
        if memory.is_down { Err(Unavailable::new("the table", "down")) } else { Ok(memory.cells.clone()) }
    }

    async fn home(&self, user: &UserId) -> Result<Option<Home>, Unavailable> {
        let memory = self.lock().unwrap();
        if memory.is_down { Err(Unavailable::new("the table", "down")) } else { Ok(memory.homes.get(user).cloned()) }
    }

    async fn settle(&self, user: &UserId, cell: &CellId) -> Result<Home, Unavailable> {
        let mut memory = self.lock().unwrap();
        memory.settled += 1;
        Ok(memory.homes.entry(user.clone()).or_insert_with(|| Home::new(user, cell.clone())).clone())
    }

    async fn failed(&self, cell: &CellId, was_probe: bool, now: Timestamp) -> Result<(), Unavailable> {
        let mut memory = self.lock().unwrap();
        let health = &mut memory.cells.iter_mut().find(|known| known.id == *cell).unwrap().health;
        health.failing_since.get_or_insert(now);
        health.failures = Some(health.failures.unwrap_or(0) + 1);
        if was_probe || health.verdict(now) == Verdict::Down {
            health.down_until = Some(now.plus(crate::cell::DOWN));
        }
        Ok(())
    }

    async fn answers(&self, cell: &CellId) -> Result<(), Unavailable> {
        self.lock().unwrap().cells.iter_mut().find(|known| known.id == *cell).unwrap().health = Health::default();
        Ok(())
    }

    async fn probes(
        &self,
        cell: &CellId,
        seen: Timestamp,
        now: Timestamp,
        time: Duration,
    ) -> Result<bool, Unavailable> {
        let mut memory = self.lock().unwrap();
        let health = &mut memory.cells.iter_mut().find(|known| known.id == *cell).unwrap().health;
        let first = health.down_until == Some(seen);
        if first {
            health.down_until = Some(now.plus(time));
        }
        Ok(first)
    }
}

/// A clock that a test sets.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<i64>>);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + *self.0.lock().unwrap() * 1_000)
    }
}

struct Front {
    memory: Shared,
    clock: Watch,
    router: Router<Shared, Watch>,
}

impl Front {
    fn of(cells: impl IntoIterator<Item = Cell>) -> Self {
        let memory = Shared::new(Mutex::new(Memory { cells: cells.into_iter().collect(), ..Memory::default() }));
        let clock = Watch::default();
        Self { router: Router::new(Arc::clone(&memory), clock.clone(), TIME), memory, clock }
    }

    /// Another instance of the function, which remembers nothing.
    fn another(&self) -> Self {
        let router = Router::new(Arc::clone(&self.memory), self.clock.clone(), TIME);
        Self { memory: Arc::clone(&self.memory), clock: self.clock.clone(), router }
    }

    fn home(&self, user: &str, home: impl FnOnce(Home) -> Home) {
        let user: UserId = user.parse().unwrap();
        self.memory.lock().unwrap().homes.insert(user.clone(), home(Home::new(&user, "one".parse().unwrap())));
    }

    async fn get(&self, user: &str) -> Value {
        self.router.handle(GatewayRequest::new("GET /api/goals", user).into()).await
    }
}

fn problem(answer: &Value) -> (u64, Value, bool) {
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(answer["headers"]["content-type"], "application/problem+json", "{answer}");
    assert_eq!(body["status"], answer["statusCode"]);
    (answer["statusCode"].as_u64().unwrap(), body["code"].clone(), answer["headers"]["retry-after"].is_string())
}

async fn api(name: &str) -> Stub {
    let answer = Response::new(200, json!({ "cell": name }).to_string())
        .header("etag", "\"v1\"")
        .header("content-type", "application/json");
    Stub::answering(answer.header("Connection", "keep-alive").header("retry-after", "3")).await
}

#[tokio::test]
async fn an_answer_comes_back_as_it_is() {
    let one = api("one").await;
    let front = Front::of([cell("one", &one.url())]);
    let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", "ann").path(json!({ "goalId": "g" }));
    let request = request
        .header("authorization", "Bearer t")
        .header("idempotency-key", "k")
        .header("cookie", "c")
        .body("{\"regenerate\":true}");
    let answer = front.router.handle(request.into()).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["body"], json!({ "cell": "one" }).to_string());
    let headers = &answer["headers"];
    assert_eq!(
        (&headers["etag"], &headers["retry-after"], &headers[CELL]),
        (&json!("\"v1\""), &json!("3"), &json!("one"))
    );
    assert!(headers["connection"].is_null() && headers["content-length"].is_null(), "{headers}");
    let seen = one.one();
    assert_eq!((seen.line.as_str(), seen.text.as_str()), ("POST /api/goals/g/start-activity", "{\"regenerate\":true}"));
    assert_eq!(
        (seen.header("authorization"), seen.header("idempotency-key"), seen.header("cookie")),
        (Some("Bearer t"), Some("k"), None)
    );
}

#[tokio::test]
async fn errors_of_a_cell_and_empty_answers_come_back_as_well() {
    for (status, body) in [(304, ""), (404, "{\"code\":\"UNKNOWN_GOAL\"}"), (429, "{}"), (500, "oops")] {
        let one = Stub::answering(Response::new(status, body)).await;
        let answer = Front::of([cell("one", &one.url())]).get("ann").await;
        assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(status), &json!(body)));
    }
}

#[tokio::test]
async fn a_new_user_is_settled_once_and_stays() {
    let (one, two) = (api("one").await, api("two").await);
    let front = Front::of([cell("one", &one.url()), cell("two", &two.url())]);
    let mut cells = BTreeMap::new();
    for n in 0..20 {
        let user = format!("user-{n}");
        cells.insert(user.clone(), front.get(&user).await["headers"][CELL].clone());
    }
    assert!(cells.values().any(|cell| cell == "one") && cells.values().any(|cell| cell == "two"), "{cells:?}");
    assert_eq!(front.memory.lock().unwrap().settled, 20);
    // Whatever cells there are later.
    front.memory.lock().unwrap().cells.push(cell("three", &two.url()));
    let later = front.another();
    for (user, cell) in cells {
        assert_eq!(later.get(&user).await["headers"][CELL], cell, "{user}");
    }
    assert_eq!(front.memory.lock().unwrap().settled, 20);
}

#[tokio::test]
async fn a_workflow_of_a_user_without_a_cell_is_found_by_its_arn_and_that_settles_nothing() {
    let (one, two) = (api("one").await, api("two").await);
    let front = Front::of([cell("one", &one.url()), cell("two", &two.url())]);
    for id in ["one", "two"] {
        let arn = format!("arn:aws:states:eu-west-1:123456789012:execution:goal-activity-{id}:g-1");
        let request =
            GatewayRequest::new("GET /api/workflows/{executionArn}/status", "ann").path(json!({ "executionArn": arn }));
        assert_eq!(front.router.handle(request.into()).await["headers"][CELL], id);
    }
    assert_eq!(front.memory.lock().unwrap().settled, 0);
    // One who was moved has taken the old workflows along.
    front.home("bob", |home| home);
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:goal-activity-two:g-1";
    let request =
        GatewayRequest::new("GET /api/workflows/{executionArn}/status", "bob").path(json!({ "executionArn": arn }));
    assert_eq!(front.router.handle(request.into()).await["headers"][CELL], "one");
}

#[tokio::test]
async fn a_user_who_is_moved_can_read_and_cancel_and_nothing_else() {
    let (one, two) = (api("one").await, api("two").await);
    let front = Front::of([cell("one", &one.url()), cell("two", &two.url())]);
    front.home("ann", |home| Home { moving_to: Some("two".parse().unwrap()), ..home });
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:goal-activity-one:g-1";
    let call = async |route: &str| {
        let request = GatewayRequest::new(route, "ann").path(json!({ "goalId": "g", "executionArn": arn })).body("{}");
        front.router.handle(request.into()).await
    };
    for route in
        ["GET /api/goals", "GET /api/workflows/{executionArn}/status", "POST /api/workflows/{executionArn}/cancel"]
    {
        assert_eq!(call(route).await["headers"][CELL], "one", "{route}");
    }
    for route in [
        "PUT /api/goals/{goalId}",
        "POST /api/goals/{goalId}/start-activity",
        "POST /api/workflows/{executionArn}/retry",
    ] {
        assert_eq!(problem(&call(route).await), (503, json!("UNAVAILABLE"), true), "{route}");
    }
    assert_eq!(one.seen().len(), 3);
    front.home("ann", |home| Home { cell: "two".parse().unwrap(), leaving: Some("one".parse().unwrap()), ..home });
    assert_eq!(call("PUT /api/goals/{goalId}").await["headers"][CELL], "two");
}

#[tokio::test]
async fn a_cell_that_hangs_or_is_gone_is_unavailable_to_its_own_users_only() {
    let two = api("two").await;
    let silent = Stub::start([Reply::Silence]).await;
    for url in [silent.url(), nobody()] {
        let front = Front::of([cell("one", &url), cell("two", &two.url())]);
        front.home("ann", |home| home);
        front.home("bob", |home| Home { cell: "two".parse().unwrap(), ..home });
        let began = Instant::now();
        assert_eq!(problem(&front.get("ann").await), (503, json!("UNAVAILABLE"), true));
        assert!(began.elapsed() < TIME * 3, "{:?}", began.elapsed());
        assert_eq!(front.get("bob").await["statusCode"], 200);
    }
}

#[tokio::test]
async fn a_cell_that_hangs_is_not_waited_for_again_and_again_until_it_answers() {
    let one = Stub::start(std::iter::repeat_n(Reply::Silence, 6)).await;
    let front = Front::of([cell("one", &one.url())]);
    front.home("ann", |home| home);
    for _ in 0..crate::cell::FAILURES {
        assert_eq!(front.get("ann").await["statusCode"], 503);
    }
    // Every instance knows it at once that reads the table.
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(problem(&front.another().get("ann").await), (503, json!("UNAVAILABLE"), true));
    }
    assert!(began.elapsed() < TIME, "{:?}", began.elapsed());
    assert_eq!(one.seen().len(), 5);
    // One request finds out that it still hangs, and another one later that it does not.
    *front.clock.0.lock().unwrap() = 60;
    let (probe, other) = (front.another(), front.another());
    let (probe, other) = tokio::join!(probe.get("ann"), other.get("ann"));
    assert_eq!((&probe["statusCode"], &other["statusCode"], one.seen().len()), (&json!(503), &json!(503), 6));
    let mended = api("one").await;
    front.memory.lock().unwrap().cells[0].url = mended.url();
    *front.clock.0.lock().unwrap() = 120;
    assert_eq!(front.another().get("ann").await["statusCode"], 200);
    assert_eq!(front.memory.lock().unwrap().cells[0].health, Health::default());
}

#[tokio::test]
async fn without_its_table_the_router_knows_cells_for_a_while_and_users_not_at_all() {
    let one = api("one").await;
    let front = Front::of([cell("one", &one.url())]);
    assert_eq!(front.get("ann").await["statusCode"], 200);
    front.memory.lock().unwrap().is_down = true;
    assert_eq!(problem(&front.get("ann").await), (503, json!("UNAVAILABLE"), true));
    let open = GatewayRequest::new("GET /api/openapi.json", "").into();
    assert_eq!(front.router.handle(open).await["statusCode"], 200);
}

#[tokio::test]
async fn without_an_open_cell_only_new_users_are_refused() {
    let one = api("one").await;
    let front = Front::of([Cell { state: CellState::Draining, ..cell("one", &one.url()) }]);
    front.home("ann", |home| home);
    assert_eq!(front.get("ann").await["statusCode"], 200);
    assert_eq!(problem(&front.get("bob").await), (503, json!("UNAVAILABLE"), true));
    front.home("eve", |home| Home { cell: "gone".parse().unwrap(), ..home });
    assert_eq!(problem(&front.get("eve").await), (503, json!("UNAVAILABLE"), true));
}

#[tokio::test]
async fn what_is_no_request_of_a_user_reaches_no_cell() {
    let one = api("one").await;
    let front = Front::of([cell("one", &one.url())]);
    assert_eq!(
        problem(&front.router.handle(json!({ "routeKey": "GET /api/goals" })).await),
        (401, json!("UNAUTHENTICATED"), false)
    );
    assert_eq!(problem(&front.router.handle(json!(7)).await), (400, json!("INVALID_REQUEST"), false));
    assert_eq!(problem(&front.router.handle(json!({ "routeKey": "$default" })).await).0, 404);
    let header = GatewayRequest::new("GET /api/goals", "ann").header("x-correlation-id", "a\nb");
    assert_eq!(problem(&front.router.handle(header.into()).await).0, 400);
    assert!(one.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_breaks_off_is_not_passed_on() {
    for reply in [
        Reply::Cut(Response::new(200, "{\"items\":[]}")),
        Reply::Flood(Response::new(200, "")),
        Reply::Trickle(Response::new(200, "{}")),
    ] {
        let one = Stub::start([reply]).await;
        let front = Front::of([cell("one", &one.url())]);
        assert_eq!(problem(&front.get("ann").await), (503, json!("UNAVAILABLE"), true));
    }
}
