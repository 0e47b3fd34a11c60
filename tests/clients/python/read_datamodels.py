"""Reads every answer and every event with datamodel-code-generator's models."""

import importlib
import sys

sys.path.insert(0, "generated/datamodels")

import recorded


def written(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def classes(module):
    return [name for name, each in vars(module).items() if isinstance(each, type) and each.__module__ == module.__name__]


api = importlib.import_module("openapi")
# It makes a class of its own for each choice of the timeline. They derive from those of the contract.
of_choices = [f"TimelineItem{number}" for number in range(1, 6)]
recorded.named([name for name in classes(api) if name not in of_choices])
read = {}
for name, model, answer in recorded.answers():
    read[name] = getattr(api, model).model_validate(answer)
    recorded.kept(written(read[name]), answer, name)

ended = read["timeline-ended"].items[-1].root
assert isinstance(ended, api.TimelineEnded) and ended.status is api.FinalStatus.PARTIALLY_SUCCEEDED
assert read["status-newer"].failedActions[0].code.root == "AI_TIRED"
assert read["problem-newer"].code.root == "GOAL_TIRED"

received = {}
for name, event in recorded.events():
    event_type = event["detail-type"]
    module = importlib.import_module(event_type)
    recorded.named(classes(module))
    received[name] = getattr(module, event_type).model_validate(event["detail"])
    recorded.kept(written(received[name]), event["detail"], name)

assert received["WorkflowCompleted.newer.json"].failedActions[0].code.root == "AI_TIRED"
assert received["GoalActivityRejected.newer.json"].reason.root == "GOAL_TIRED"
print(f"datamodel-code-generator: {len(read)} answers, {len(received)} events")
