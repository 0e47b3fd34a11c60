use aws_sdk_dynamodb::config::Credentials;
use futures_util::future::join_all;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Session, Stack};

/// Marks copies of the stack's resources that tests have created.
pub(crate) const COPY: &str = "copy-";
/// The name of a copied role's only policy.
const POLICY: &str = "permissions";

/// An action that is allowed on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// As policies name it: `sqs:DeleteMessage`.
    pub action: String,
    /// An ARN.
    pub resource: String,
}

/// A role, and all that its policies allow.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    pub(crate) arn: String,
    trust: String,
    /// Without the permissions for its function's log: the emulator writes that itself.
    pub permissions: Vec<Permission>,
}

impl Stack {
    /// The role of one of the stack's functions, by a part of its name.
    pub async fn role_of(&self, function: &str) -> Role {
        self.role(&self.function(function).await).await
    }

    /// The roles of all functions.
    pub async fn roles(&self) -> Vec<Role> {
        let roles = join_all(self.functions().await.iter().map(|function| self.role(function))).await;
        assert!(!roles.is_empty() && roles.iter().all(|role| !role.permissions.is_empty()), "{roles:?}");
        roles
    }

    async fn role(&self, function: &Value) -> Role {
        let name = function["Role"].as_str().and_then(|arn| arn.rsplit('/').next()).expect("a function's role");
        let iam = self.iam();
        let role = iam.get_role().role_name(name).send().await.expect("a role").role.expect("a role");
        let managed = iam.list_attached_role_policies().role_name(name).send().await.expect("a role's policies");
        assert!(managed.attached_policies().is_empty(), "{name} has policies that are not read here");
        let policies = iam.list_role_policies().role_name(name).send().await.expect("a role's policies");
        let mut permissions = Vec::new();
        for policy in policies.policy_names() {
            let policy = iam.get_role_policy().role_name(name).policy_name(policy).send().await.expect("a policy");
            permissions.extend(read(&document(policy.policy_document())));
        }
        permissions.retain(|permission| !["logs:", "xray:"].iter().any(|own| permission.action.starts_with(own)));
        let trust = document(role.assume_role_policy_document().expect("whom a role trusts")).to_string();
        Role { name: name.to_owned(), arn: role.arn().to_owned(), trust, permissions }
    }

    /// A copy of the role for the test, with the same trust policy and permissions.
    pub async fn copy_of(&self, role: &Role) -> Role {
        let name = format!("{COPY}{}", Uuid::new_v4());
        let create = self.iam().create_role().role_name(&name).assume_role_policy_document(&role.trust);
        let arn = create.send().await.expect("a role can be made").role.expect("a role").arn;
        let copy = Role { name, arn, ..role.clone() };
        self.allow(&copy, &role.permissions).await;
        copy
    }

    /// A role for the test that anybody of the account may assume, with these permissions only.
    pub async fn operator(&self, permissions: &[Permission]) -> Role {
        let anybody = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" });
        let trust = json!({ "Version": "2012-10-17", "Statement": [anybody] }).to_string();
        let nobody = Role { name: String::new(), arn: String::new(), trust, permissions: permissions.to_vec() };
        self.copy_of(&nobody).await
    }

    /// Replaces the permissions of a copied role by these.
    pub async fn allow(&self, copy: &Role, permissions: &[Permission]) {
        assert!(copy.name.starts_with(COPY), "{} is not the test's own", copy.name);
        let statement = |p: &Permission| json!({ "Effect": "Allow", "Action": p.action, "Resource": p.resource });
        let statements: Vec<_> = permissions.iter().map(statement).collect();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        let put = self.iam().put_role_policy().role_name(&copy.name).policy_name(POLICY);
        put.policy_document(policy.to_string()).send().await.expect("a policy can be set");
    }

    /// Assumes a role, as its function does.
    pub async fn assume(&self, role: &Role) -> Session {
        let sts = aws_sdk_sts::Client::new(&self.sdk);
        let session = sts.assume_role().role_arn(&role.arn).role_session_name("test").send().await;
        let got = session.expect("a role can be assumed").credentials.expect("credentials");
        let token = Some(got.session_token().to_owned());
        let credentials = Credentials::new(got.access_key_id(), got.secret_access_key(), token, None, "role");
        Session { stack: self.clone(), credentials }
    }
}

/// IAM returns documents percent-encoded.
fn document(encoded: &str) -> Value {
    let text = percent_decode_str(encoded).decode_utf8().expect("UTF-8");
    serde_json::from_str(&text).expect("a policy document")
}

fn read(policy: &Value) -> Vec<Permission> {
    let mut permissions = Vec::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        assert_eq!((&statement["Effect"], statement.get("Condition")), (&json!("Allow"), None), "{statement}");
        for action in list(&statement["Action"]) {
            let on = list(&statement["Resource"]).into_iter();
            permissions.extend(on.map(|resource| Permission { action: action.clone(), resource }));
        }
    }
    permissions
}

fn list(one_or_more: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    one_or_more.as_array().map_or_else(|| vec![text(one_or_more)], |values| values.iter().map(text).collect())
}
