"""Reads every answer with openapi-python-client's client."""

import sys

sys.path.insert(0, "generated/openapi-python-client")

import goal_activity.models as models
import recorded
from goal_activity.types import UNSET

recorded.named(models.__all__)
read = {}
for name, model, answer in recorded.answers():
    read[name] = getattr(models, model).from_dict(answer)
    recorded.kept(read[name].to_dict(), answer, name)

ended = read["timeline-ended"].items[-1]
assert type(ended) is models.TimelineEnded and ended.status is models.FinalStatus.PARTIALLY_SUCCEEDED
assert read["status-newer"].failed_actions[0].code == "AI_TIRED"
assert read["problem-newer"].code == "GOAL_TIRED"
assert read["status-waiting"].stop_date is UNSET
assert read["tasks"].items[0].priority is models.Priority.HIGH
print(f"openapi-python-client: {len(read)} answers")
