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

details = [each for each in map(json.loads, blocks("json")) if "eventId" in each]
assert len(details) == 2, details
request, cancellation = details
assert read("GoalActivityRequested", request).goalId == emitted.goalId
assert read("GoalActivityCancelRequested", cancellation).userId.root == request["userId"]
