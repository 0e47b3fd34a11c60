"""Compares requests to Bedrock with botocore's description of Converse, and fails when one of them is wrong.

check_converse.py FILE...

A line of a file is one request as it was received: {"line": "POST /model/<id>/converse", "body": {...}}. A line with `wrong`
is a request that must be found wrong, with a reason that contains that text.

Beside what botocore checks before it sends (required, unknown and mistyped fields, lower bounds, one member of a union), the
upper bounds, patterns and names of values are checked, which botocore leaves to the service. At last botocore writes the
request itself: it must be the same.
"""

import base64
import binascii
import json
import re
import sys
from urllib.parse import unquote

import botocore.session
from botocore.model import Shape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

LINE = re.compile(r"POST (/model/([^/?]+)/converse)")

service = botocore.session.get_session().get_service_model("bedrock-runtime")
converse = service.operation_model("Converse")
serializer = create_serializer(service.metadata["protocol"], include_validation=False)


def is_document(shape: Shape) -> bool:
    return bool(getattr(shape, "is_document_type", False))


def parameter(value: object, shape: Shape) -> object:
    """Returns a value of the wire as botocore takes it: bytes are base64 there."""
    if is_document(shape):
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        known = shape.members
        return {name: parameter(v, known[name]) if name in known else v for name, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [parameter(v, shape.member) for v in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: parameter(v, shape.value) for name, v in value.items()}
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            return value
    return value


def beyond(value: object, shape: Shape, where: str) -> list[str]:
    """Returns the bounds of the description that botocore does not check."""
    if is_document(shape):
        return []
    found = []
    said = shape.metadata
    size = len(value) if isinstance(value, (str, bytes, list, dict)) else value
    if "max" in said and isinstance(size, (int, float)) and size > said["max"]:
        found.append(f"{where} is or has {size}, more than {said['max']}")
    if isinstance(value, str):
        if said.get("enum") and value not in said["enum"]:
            found.append(f"{where} is none of {', '.join(said['enum'])}")
        if "pattern" in said and not re.fullmatch(said["pattern"], value):
            found.append(f"{where} does not match {said['pattern']}")
    elif isinstance(value, dict) and shape.type_name == "structure":
        for name in value.keys() & shape.members.keys():
            found += beyond(value[name], shape.members[name], f"{where}.{name}")
    elif isinstance(value, dict) and shape.type_name == "map":
        for name, member in value.items():
            found += beyond(name, shape.key, f"{where}, a key") + beyond(member, shape.value, f"{where}.{name}")
    elif isinstance(value, list) and shape.type_name == "list":
        for index, member in enumerate(value):
            found += beyond(member, shape.member, f"{where}[{index}]")
    return found


def wrong_with(request: dict) -> list[str]:
    """Returns everything that is wrong with a request."""
    line = LINE.fullmatch(request["line"])
    if not line:
        return [f"`{request['line']}` is no call of Converse"]
    path, model = line[1], unquote(line[2])
    shape = converse.input_shape
    parameters = {"modelId": model, **parameter(request["body"], shape)}
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        return report.generate_report().splitlines()
    found = beyond(parameters, shape, "the request")
    # What the shapes do not say: a forced tool is one of the tools.
    tools = parameters.get("toolConfig", {})
    forced = tools.get("toolChoice", {}).get("tool", {}).get("name")
    if forced is not None and forced not in [tool.get("toolSpec", {}).get("name") for tool in tools["tools"]]:
        found.append("toolChoice names none of the tools")
    written = serializer.serialize_to_request(parameters, converse)
    if unquote(written["url_path"]) != unquote(path):
        found.append(f"botocore calls {written['url_path']}")
    if json.loads(written["body"]) != request["body"]:
        found.append(f"botocore writes {written['body'].decode()}")
    return found


def main(files: list[str]) -> int:
    failures = 0
    for file in files:
        with open(file, encoding="utf-8") as lines:
            requests = [json.loads(line) for line in lines if line.strip()]
        if not requests:
            print(f"{file}: no requests")
            failures += 1
        for number, request in enumerate(requests, 1):
            found, expected = wrong_with(request), request.get("wrong")
            if expected is not None and not any(expected in reason for reason in found):
                found = [f"not found wrong by `{expected}`, but {found or 'right'}"]
            elif expected is not None:
                continue
            failures += bool(found)
            for reason in found:
                print(f"{file}:{number}: {reason}")
        print(f"{file}: {len(requests)} requests compared with botocore {botocore.__version__}")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
