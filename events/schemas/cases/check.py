"""Checks the table events.json with Python's jsonschema: the schemas accept and refuse what it says.

The fields of the table are described in README.md.
"""

import json
import pathlib
import sys

from jsonschema import Draft7Validator

schemas = pathlib.Path(__file__).parents[1]


def read(file):
    return json.loads((schemas / file).read_text(encoding="utf-8"))


def parent(event, place):
    """The object or list that has the place, and its name there."""
    *path, name = place.split("/")[1:]
    for step in path:
        event = event[int(step) if isinstance(event, list) else step]
    return event, int(name) if isinstance(event, list) else name


def detail(case):
    """The detail of the changed example, or nothing if it is no detail."""
    event = read(f"examples/{case['example']}")
    raw = case.get("raw", {})
    for place, value in [*case.get("set", {}).items(), *((place, f"@{place}@") for place in raw if place)]:
        within, name = parent(event, place)
        within[name] = value
    for place in case.get("remove", []):
        within, name = parent(event, place)
        within.pop(name, None)
    text = raw.get("", json.dumps(event))
    for place, by in raw.items():
        text = text.replace(f'"@{place}@"', by)
    try:
        return json.loads(text).get("detail")
    except (ValueError, AttributeError):
        return None


def is_valid(case):
    schema = read(f"{case['example'].split('.')[0]}.v1.json")
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER).is_valid(detail(case))


# Without it, which needs a package of its own, no timestamp is checked.
assert "date-time" in Draft7Validator.FORMAT_CHECKER.checkers, "jsonschema does not check date-time"
cases = [case for case in read("cases/events.json") if case.get("schema") != "depends"]
assert len(cases) > 150, len(cases)
wrong = [case for case in cases if is_valid(case) != case.get("schema", case["read"])]
for case in wrong:
    print(f"{case['name']}: jsonschema says the contrary, although {case['why']}", file=sys.stderr)
print(f"{len(cases) - len(wrong)} of {len(cases)} cases are as jsonschema says")
sys.exit(1 if wrong else 0)
