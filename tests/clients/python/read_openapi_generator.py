"""Reads every answer with openapi-generator's Python client."""

import json
import sys

sys.path.insert(0, "generated/openapi-generator/python")

import goal_activity
import recorded

recorded.named(dir(goal_activity.models))
read = {}
for name, model, answer in recorded.answers():
    read[name] = getattr(goal_activity, model).from_json(json.dumps(answer))
    recorded.kept(json.loads(read[name].to_json()), answer, name)

ended = read["timeline-ended"].items[-1].actual_instance
assert type(ended) is goal_activity.TimelineEnded and ended.status is goal_activity.FinalStatus.PARTIALLY_SUCCEEDED
assert read["status-newer"].failed_actions[0].code == "AI_TIRED"
assert read["problem-newer"].code == "GOAL_TIRED"
assert read["status-waiting"].stop_date is None and read["status-waiting"].batches == []
assert read["tasks"].items[0].priority is goal_activity.Priority.HIGH
print(f"openapi-generator, Python: {len(read)} answers")
