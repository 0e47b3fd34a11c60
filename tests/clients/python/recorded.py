"""The recorded answers and events, and what a client must have kept of them."""

import json
import re
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What a newer version has added to a recorded answer: a client may drop it.
ADDED_LATER = "addedLater"


def answers():
    """Each answer with its name and the name of its schema."""
    models = json.loads((ROOT / "models.json").read_text())
    files = {file.stem: json.loads(file.read_text()) for file in (ROOT / "answers").glob("*.json")}
    assert files.keys() == models.keys(), "models.json names the schema of every answer"
    for name, model in models.items():
        yield name, model, files[name]


def events():
    """Each event with its file's name."""
    for folder in ("contract/schemas/examples", "events"):
        for file in sorted((ROOT / folder).glob("*.json")):
            yield file.name, json.loads(file.read_text())


def named(names):
    """Fails if a generator had to make up one of these names of its classes."""
    made_up = [name for name in names if re.search(r"\d$|anonymous|inline|one_?of|any_?of|all_?of", name, re.IGNORECASE)]
    assert not made_up, made_up


def kept(read, recorded, where):
    """Fails unless what was read, written as JSON again, is what was recorded."""
    read, recorded = plain(read), plain(recorded)
    assert read == recorded, f"{where}:\n read     {read}\n recorded {recorded}"


def plain(value):
    """The same without what was added later, with moments as such and without fields that have no value."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != ADDED_LATER and each is not None}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and len(value) > 19 and value[10] == "T":
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return value
