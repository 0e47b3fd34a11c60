"""Runs the Python of docs/EVENTS.md, and reads its examples of events with datamodel-code-generator's models."""

import importlib
import json
import pathlib
import re
import sys
import types

sys.path.insert(0, "generated/datamodels")

guide = pathlib.Path("contract/EVENTS.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)


def read(event_type, detail):
    return getattr(importlib.import_module(event_type), event_type).model_validate(detail)


# In place of AWS's package, which is asked for nothing but this.
put = []


class Client:
    def put_events(self, Entries):
        put.extend(Entries)
        return {"FailedEntryCount": 0}


boto3 = types.ModuleType("boto3")
boto3.client = lambda name: {"events": Client()}[name]
sys.modules["boto3"] = boto3

[program] = blocks("python")
exec(compile(program, "EVENTS.md", "exec"), {})
[entry] = put
assert set(entry) == {"EventBusName", "Source", "DetailType", "Detail"}
emitted = read(entry["DetailType"], json.loads(entry["Detail"]))

# As EventBridge Scheduler replaces its context attributes.
attributes = {"scheduled-time": "2026-11-24T09:30:00Z", "execution-id": "d32c5kddcf5bb8c3"}
for name, value in attributes.items():
    guide = guide.replace(f"<aws.scheduler.{name}>", value)

details = [each for each in map(json.loads, blocks("json")) if "eventId" in each]
assert len(details) == 3, details
request, scheduled, cancellation = details
assert read("GoalActivityRequested", scheduled).goalId.root == scheduled["goalId"]
assert read("GoalActivityRequested", request).goalId == emitted.goalId
assert read("GoalActivityCancelRequested", cancellation).userId.root == request["userId"]
