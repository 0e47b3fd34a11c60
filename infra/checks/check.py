"""Checks templates with checkov, and every policy in them with parliament: `check.py TEMPLATE...`.

What is found is an error unless accepted.json says why it is right, and so is a reason that nothing needs any more.
"""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

# Parliament imports pkg_resources, which says that it is old.
warnings.filterwarnings("ignore", message="pkg_resources")
import parliament  # noqa: E402

HERE = Path(__file__).parent
ACCOUNT, REGION = "123456789012", "us-east-1"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "goal-activity",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/goal-activity/1a2b3c4d-0000-0000-0000-000000000000",
}
# ARNs by the type of the resource; {} is its logical id.
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}",
    "AWS::Events::EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{{}}",
}
# A Ref to one of these is its ARN.
REF_IS_ARN = ["AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"]


class Resolver:
    """The values that CloudFormation would fill in, as far as policies have them."""

    def __init__(self, resources):
        self.resources = resources

    def arn(self, logical_id):
        kind = self.resources[logical_id]["Type"]
        if kind not in ARNS:
            sys.exit(f"check.py has no ARN of a {kind}, which a policy names")
        return ARNS[kind].format(logical_id)

    def value(self, node):
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                if argument in PSEUDO:
                    return PSEUDO[argument]
                named = self.resources[argument]["Type"] not in REF_IS_ARN
                return argument if named else self.arn(argument)
            if function == "Fn::GetAtt":
                logical_id, attribute = argument
                return self.arn(logical_id) if attribute.endswith("Arn") else f"{logical_id}-{attribute}"
            if function == "Fn::Join":
                separator, parts = argument
                return separator.join(self.value(parts))
            if function == "Fn::Sub" and isinstance(argument, str):
                return re.sub(r"\$\{([^}]+)\}", lambda name: self.value({"Ref": name.group(1)}), argument)
            if function.startswith("Fn::"):
                sys.exit(f"check.py does not know {function}, which a policy uses")
        return {key: self.value(each) for key, each in node.items()}


def policies(resources):
    """Every policy document: of identities, and of resources."""
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        kind = resource["Type"]
        if kind == "AWS::Events::EventBusPolicy":
            yield logical_id, kind, {"Version": "2012-10-17", "Statement": [properties["Statement"]]}
        for name, document in properties.items():
            if isinstance(document, dict) and "Statement" in document:
                yield logical_id, kind, document
            if name == "Policies" and kind == "AWS::IAM::Role":
                for policy in document:
                    yield logical_id, kind, policy["PolicyDocument"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def wildcards(document):
    """Actions with a wildcard. A denial may have one: it takes nothing too much."""
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            yield from (action for action in as_list(statement.get("Action", [])) if "*" in action)


def by_parliament(document):
    for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
        detail = finding.detail
        what = detail
        if isinstance(detail, list):
            what = " ".join(sorted(str(each.get("action", each)) if isinstance(each, dict) else str(each) for each in detail))
        yield finding.issue, str(what)


def by_checkov(template):
    command = [Path(sys.executable).with_name("checkov"), "--file", template, "--framework", "cloudformation"]
    command += ["--compact", "--quiet", "--skip-download", "--output", "json"]
    environment = {**os.environ, "BC_SKIP_MAPPING": "TRUE", "CKV_IGNORE_HIDDEN_DIRECTORIES": "FALSE", "LOG_LEVEL": "ERROR"}
    run = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    report = json.loads(run.stdout)
    summary = report.get("summary", report)
    if summary["parsing_errors"] or summary["resource_count"] == 0:
        sys.exit(f"checkov could not read {template}")
    for check in report["results"]["failed_checks"]:
        yield check["check_id"], check["resource"].split(".")[-1], check["check_name"]
    print(f"checkov: {summary['passed']} checks passed in {Path(template).parent.name}")


def main(templates):
    accepted = json.loads((HERE / "accepted.json").read_text(encoding="utf-8"))
    used, wrong = set(), []

    def judge(tool, rule, where, what):
        for index, entry in enumerate(accepted):
            # Logical ids end with a hash of the CDK.
            names = entry.get("in", [])
            matches = any(where.startswith(name) for name in names) if names else True
            if entry["tool"] == tool and entry["rule"] == rule and entry.get("what", what) == what and matches:
                used.add(index)
                return
        wrong.append(f"{tool} {rule} in {where}: {what}")

    documents = 0
    for template in templates:
        resources = json.loads(Path(template).read_text(encoding="utf-8"))["Resources"]
        for rule, where, what in by_checkov(template):
            judge("checkov", rule, where, what)
        resolver = Resolver(resources)
        for where, kind, unresolved in policies(resources):
            documents += 1
            document = resolver.value(unresolved)
            for action in wildcards(document):
                judge("policies", "WILDCARD_ACTION", where, action)
            # It knows policies of identities: those of resources have principals, and "*" as themselves.
            if kind == "AWS::IAM::Policy":
                for rule, what in by_parliament(document):
                    judge("parliament", rule, where, what)
    print(f"parliament: {documents} policy documents read in {len(templates)} templates")
    for index, entry in enumerate(accepted):
        if index not in used:
            wrong.append(f"accepted.json: nothing needs the reason for {entry['tool']} {entry['rule']} any more")
        if len(entry["reason"]) < 60:
            wrong.append(f"accepted.json: {entry['tool']} {entry['rule']}: the reason is too short to be one")
    if wrong:
        sys.exit("\n".join(sorted(set(wrong))))


if __name__ == "__main__":
    main(sys.argv[1:])
