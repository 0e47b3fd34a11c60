use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use goal_activity_local::aws::Service;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::roles::COPY;
use crate::{Role, Stack};

/// The paths of Lambda's API: some calls return JSON that is passed on unchanged.
const API: &str = "/2015-03-31/functions";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

impl Stack {
    /// The configurations of all functions that were deployed.
    pub(crate) async fn functions(&self) -> Vec<Value> {
        let answer = self.lambda("GET", "", Value::Null).await;
        let all = answer["Functions"].as_array().expect("functions").iter();
        all.filter(|f| f["FunctionName"].as_str().is_some_and(|name| !name.starts_with(COPY))).cloned().collect()
    }

    /// The configuration of one function, by a part of its name.
    pub async fn function(&self, name: &str) -> Value {
        let mut functions = self.functions().await;
        functions.retain(|f| f["FunctionName"].as_str().is_some_and(|n| n.contains(name)));
        assert_eq!(functions.len(), 1, "one function {name}: {functions:?}");
        functions.remove(0)
    }

    /// Deploys one of the functions a second time, with another role. Returns its name.
    pub async fn deploy_again(&self, function: &str, role: &Role) -> String {
        let original = self.function(function).await;
        let original = self.lambda("GET", original["FunctionName"].as_str().expect("a name"), Value::Null).await;
        let code = self.http.get(original["Code"]["Location"].as_str().expect("where its code is"));
        let code = code.send().await.expect("a function's code").bytes().await.expect("a function's code");
        let name = format!("{COPY}{}", Uuid::new_v4());
        let mut copy = json!({
            "FunctionName": name, "Role": role.arn, "Code": { "ZipFile": BASE64_STANDARD.encode(code) },
        });
        for same in ["Runtime", "Handler", "Architectures", "Timeout", "MemorySize", "Environment"] {
            copy[same] = original["Configuration"][same].clone();
        }
        self.lambda("POST", "", copy).await;
        name
    }

    /// Points all functions to these endpoints: each service by its name in the SDK's variables, such as `DYNAMODB`.
    pub async fn reach(&self, services: &[(&str, &str)]) {
        for function in self.functions().await {
            let mut environment = function["Environment"].clone();
            for (service, endpoint) in services {
                environment["Variables"][format!("AWS_ENDPOINT_URL_{service}")] = (*endpoint).into();
            }
            let path = format!("{}/configuration", function["FunctionName"].as_str().expect("a name"));
            self.lambda("PUT", &path, json!({ "Environment": environment })).await;
        }
    }

    /// Returns a function's log lines that are JSON with these words in them. An invocation's lines are available at
    /// its end.
    pub async fn logged(&self, function: &str, words: &str) -> Vec<Value> {
        let configuration = self.function(function).await;
        let group = configuration["LoggingConfig"]["LogGroup"].as_str().expect("a log group");
        let (mut lines, mut next) = (Vec::new(), Value::Null);
        loop {
            // A busy function has more lines than fit into a response.
            let pattern = format!("\"{words}\"");
            let mut query = json!({ "logGroupName": group, "limit": 10_000, "filterPattern": pattern });
            if !next.is_null() {
                query["nextToken"] = next.clone();
            }
            let page = self.as_root(move |aws| aws.call(Service::Logs, "FilterLogEvents", &query)).await;
            let messages = page["events"].as_array().expect("events").iter().filter_map(|e| e["message"].as_str());
            lines.extend(messages.filter(|m| m.contains(words)).filter_map(|m| serde_json::from_str(m).ok()));
            if page["nextToken"].is_null() || page["nextToken"] == next {
                return lines;
            }
            next = page["nextToken"].clone();
        }
    }

    /// Invokes a function.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        self.lambda("POST", &format!("{function}/invocations"), event.clone()).await
    }

    /// Lets the worker receive batches, or not.
    pub async fn receive_batches(&self, enabled: bool) {
        let queue = self.output("BatchQueueUrl").rsplit('/').next().expect("a queue's name");
        let all = self.call_lambda("GET", MAPPINGS.to_owned(), Value::Null).await;
        let of_queue = |mapping: &&Value| mapping["EventSourceArn"].as_str().is_some_and(|arn| arn.ends_with(queue));
        let mapping = all["EventSourceMappings"].as_array().expect("mappings").iter().find(of_queue);
        let path = format!("{MAPPINGS}/{}", mapping.expect("one of the batch queue")["UUID"].as_str().expect("an id"));
        self.call_lambda("PUT", path, json!({ "Enabled": enabled })).await;
    }

    async fn lambda(&self, method: &'static str, path: &str, body: Value) -> Value {
        let path = if path.is_empty() { API.to_owned() } else { format!("{API}/{path}") };
        self.call_lambda(method, path, body).await
    }

    async fn call_lambda(&self, method: &'static str, path: String, body: Value) -> Value {
        self.as_root(move |aws| aws.rest("lambda", method, &path, &body)).await
    }
}
