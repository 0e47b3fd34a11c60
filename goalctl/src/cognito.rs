//! What a user pool refuses or cannot do, as a failure of the tool.

use goal_activity_client::cognito;

use crate::failure::{Failure, NO_ACCESS};

impl From<cognito::Failure> for Failure {
    fn from(failure: cognito::Failure) -> Self {
        match failure {
            cognito::Failure::Silent { endpoint, why } => Self::unavailable(format!("{endpoint} does not answer"), why),
            cognito::Failure::Passing { code, detail } => {
                Self { code, ..Self::unavailable("the user pool cannot answer", detail) }
            }
            cognito::Failure::Refused { code, detail } => {
                let title = "the user pool refuses the sign-in".into();
                Self { exit: NO_ACCESS, title, detail: Some(detail), code, ..Self::default() }
            }
            cognito::Failure::NoToken => {
                Self { exit: NO_ACCESS, title: "the user pool gives no token".into(), ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use goal_activity_testkit::stub::{Response, Stub};
    use serde_json::{Value, json};

    use super::*;
    use crate::failure::UNAVAILABLE;
    use crate::http::agent;

    async fn failed(status: u16, body: Value) -> Failure {
        let pool = Stub::answering(Response::new(status, body)).await;
        let url = pool.url();
        let call = move || cognito::renew(&agent(&url), &url, "cli", &"refresh".into());
        tokio::task::spawn_blocking(call).await.unwrap().unwrap_err().into()
    }

    #[tokio::test]
    async fn throttling_and_faults_are_no_refusal() {
        for code in
            ["TooManyRequestsException", "x.y#InternalErrorException", "LimitExceededException", "ThrottlingException"]
        {
            let failure = failed(400, json!({ "__type": code, "message": "slow down" })).await;
            assert!(failure.retryable && failure.exit == UNAVAILABLE, "{code}: {failure}");
            assert!(failure.to_string().contains("slow down"), "{failure}");
        }
        for status in [429, 500, 503] {
            assert!(failed(status, json!({ "__type": "NotAuthorizedException" })).await.retryable, "{status}");
        }
        let failure = failed(400, json!({ "__type": "NotAuthorizedException", "message": "revoked" })).await;
        assert_eq!(
            (failure.exit, failure.retryable, failure.code.as_deref()),
            (NO_ACCESS, false, Some("NotAuthorizedException"))
        );
        assert_eq!(failed(200, json!({ "AuthenticationResult": {} })).await.exit, NO_ACCESS);
    }

    #[test]
    fn an_error_of_the_sdk_is_the_same_failure() {
        let failure = |code, detail: &str| Failure::from(cognito::failure(code, detail.into()));
        assert!(failure(None, "timeout").retryable && failure(Some("TooManyRequestsException"), "").retryable);
        assert_eq!(failure(Some("UserNotFoundException"), "").exit, NO_ACCESS);
    }
}
