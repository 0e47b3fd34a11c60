"""Runs a Python module or a program and ends it, with all its child processes, when its parent process is gone.

emulator.py [--detached] MODULE|/PROGRAM [ARGUMENT...]
"""

import inspect
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from urllib.parse import unquote


def end_with_starter(pipe: int) -> None:
    # No data is ever written: the read returns when the parent closes its end, which the system does even if it is killed.
    os.read(pipe, 1)
    os.killpg(os.getpid(), signal.SIGKILL)


def close_gaps_in_iam() -> None:
    """Makes MiniStack handle three cases like AWS, so that the roles and policies for AWS work here unchanged."""
    from ministack.core import iam_actions, iam_evaluator

    # Queues and topics refuse callers without TLS. The emulator uses plain HTTP, but nothing leaves this machine.
    value_in_request = iam_evaluator._resolve_condition_key

    def condition_key(key: str, context: iam_evaluator.EvalContext) -> object:
        return "true" if key.lower() == "aws:securetransport" else value_in_request(key, context)

    # Answering a task token needs permission for its state machine. The emulator does not record it; our messages name it.
    named_in_request = iam_actions.extract_resource_arn
    machines: "dict[str, str]" = {}

    def remember_machines() -> None:
        from ministack.services import stepfunctions

        invoke = stepfunctions._invoke_with_callback

        def invoke_and_remember(resource: str, input_data: dict, token: str, *rest: object) -> object:
            message = input_data.get("MessageBody") or {}
            execution = (json.loads(message) if isinstance(message, str) else message).get("executionArn", "")
            machines[token] = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
            return invoke(resource, input_data, token, *rest)

        stepfunctions._invoke_with_callback = invoke_and_remember

    def resource_arn(service: str, method: str, path: str, headers: dict, body: bytes, *others: object) -> str:
        if service == "states" and ".SendTask" in headers.get("x-amz-target", ""):
            from ministack.services import stepfunctions

            # A token that was never given is one of the only machine, if there is but one.
            known = list(stepfunctions._state_machines)
            machine = machines.get(json.loads(body or b"{}").get("taskToken", ""), known[0] if len(known) == 1 else None)
            if machine:
                return machine
        if service == "bedrock-runtime":
            path = unquote(path)
        return named_in_request(service, method, path, headers, body, *others)

    # Converse needs permission to invoke the model; the emulator looks for a permission of the operation's name.
    action_of_request = iam_actions.extract_iam_action

    def iam_action(service: str, method: str, path: str, headers: dict, *others: object) -> "str | None":
        if service == "bedrock-runtime" and path.endswith("/converse"):
            return "bedrock:InvokeModel"
        return action_of_request(service, method, path, headers, *others)

    remember_machines()
    iam_evaluator._resolve_condition_key = condition_key
    iam_actions.extract_iam_action = iam_action
    iam_actions.extract_resource_arn = resource_arn


def close_gaps_in_scheduler() -> None:
    """Makes a schedule whose target is a bus put the event that EventBridge Scheduler would: with the source and the type of its
    parameters, and with values instead of the context attributes (user guide, "Adding context attributes").
    """
    from datetime import datetime, timezone
    from uuid import uuid4

    from ministack.services import eventbridge

    invoke = eventbridge._invoke_target

    def invoke_as_scheduler(target: dict, event: dict, rule: dict, view: object = None) -> None:
        parameters = target.get("EventBridgeParameters")
        if not parameters:
            return invoke(target, event, rule, view)
        attributes = {
            "scheduled-time": datetime.fromtimestamp(event["Time"], tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "execution-id": uuid4().hex[:16],
            "schedule-arn": event["Resources"][0],
            "attempt-number": "1",
        }
        text = target["Input"]
        for name, value in attributes.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        event = {**event, "Source": parameters["Source"], "DetailType": parameters["DetailType"]}
        return invoke({**target, "Input": text}, event, rule)

    eventbridge._invoke_target = invoke_as_scheduler


def start_executions_at_once() -> None:
    """Takes out the 150 ms that MiniStack 1.5.33 waits, for no stated reason, before the first state of every execution."""
    import time
    from types import SimpleNamespace

    from ministack.services import stepfunctions

    if "time.sleep(0.15)" not in inspect.getsource(stepfunctions._run_execution):
        sys.exit("this MiniStack does not wait 150 ms before an execution: take start_executions_at_once out of emulator.py")

    def sleep(seconds: float) -> None:
        if seconds != 0.15:
            time.sleep(seconds)

    stepfunctions.time = SimpleNamespace(**{**vars(time), "sleep": sleep})


def send_small_answers_at_once() -> None:
    """Switches Nagle's algorithm off in the servers that hand events to functions: head and body are two writes there, and the second
    waited up to 40 ms for the acknowledgement of the first, in every invocation."""
    import socketserver

    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def check_conditions_once() -> None:
    """Makes MiniStack check the grammar of a condition once, instead of once for each row that it is evaluated for: a third of its time
    under load."""
    from functools import lru_cache

    from ministack.services import dynamodb

    dynamodb._condition_syntax_error = lru_cache(maxsize=4096)(dynamodb._condition_syntax_error)


def copy_rows_fast() -> None:
    """Makes MiniStack copy rows of DynamoDB, which are JSON, by serializing them in C: an eighth of its time under load."""
    import marshal
    from types import SimpleNamespace

    from ministack.services import dynamodb

    slow = dynamodb.copy.deepcopy

    def deepcopy(what: object) -> object:
        try:
            return marshal.loads(marshal.dumps(what))
        except ValueError:
            # It has objects of classes in it.
            return slow(what)

    dynamodb.copy = SimpleNamespace(**{**vars(dynamodb.copy), "deepcopy": deepcopy})


def collect_garbage_seldom() -> None:
    """Rows, histories and logs stay: looking through all of them again and again finds nothing."""
    import gc

    gc.set_threshold(100_000, 50, 100)


def keep_batching_windows() -> None:
    """Makes the poller wait until a batch is full, or the first message that it found has waited for the batching window of the event
    source mapping (Lambda's guide, "Batching behavior"). MiniStack stores the window and does not wait. One poller gathers here; on AWS
    there are several, so invocations may be less full there.
    """
    import time

    from ministack.core.concurrency import esm_wake
    from ministack.services import lambda_svc, sqs

    receive = sqs._receive_messages_for_esm
    # By the queue: when its first message was found.
    since: "dict[str, float]" = {}

    def window_of(queue_url: str) -> float:
        arn = sqs._get_q(queue_url)["attributes"]["QueueArn"]
        mappings = (mapping for _, _, mapping in lambda_svc._iter_all_esms() if mapping["EventSourceArn"] == arn)
        return max((mapping["MaximumBatchingWindowInSeconds"] for mapping in mappings), default=0)

    def gather(queue_url: str, most: int) -> list:
        now, window = time.time(), window_of(queue_url)
        with sqs._queues_lock:
            found = sum(message["visible_at"] <= now for message in sqs._get_q(queue_url)["messages"])
        if 0 < found < most and window:
            if queue_url not in since:
                since[queue_url] = now
                threading.Timer(window, esm_wake.set).start()
            if now < since[queue_url] + window:
                return []
        since.pop(queue_url, None)
        return receive(queue_url, most)

    sqs._receive_messages_for_esm = gather


def keep_the_time_of_sign_in() -> None:
    """Makes MiniStack keep `auth_time` when tokens are renewed: it is the time of the sign-in, not of the renewal (OpenID Connect
    Core 1.0, section 12.2; Cognito's guide: "that your user completed authentication"). MiniStack 1.5.33 sets the current time,
    and OpenID clients refuse such an ID token: oidc-client-ts with "auth_time in id_token does not match original auth_time".
    """
    from ministack.services import cognito

    sign = cognito._signed_jwt
    signed_in_at: "dict[str, int]" = {}

    def signed(claims: dict, *rest: object) -> str:
        # All tokens of one sign-in have its `origin_jti`.
        sign_in = claims.get("origin_jti")
        if sign_in and "auth_time" in claims:
            claims = {**claims, "auth_time": signed_in_at.setdefault(sign_in, claims["auth_time"])}
        return sign(claims, *rest)

    cognito._signed_jwt = signed


def tell_what_is_billed() -> None:
    """Adds `billed` to the parameters of the calls that MiniStack records: the calling function, and what DynamoDB would
    count for it. Also records the requests of Lambda's pollers inside the emulator. Does nothing while recording is off.
    """
    from contextvars import ContextVar

    from ministack.services import cloudtrail, dynamodb, sqs, sts

    of_this_call: ContextVar[dict] = ContextVar("billed", default={})
    bytes_read: ContextVar[int] = ContextVar("bytes_read", default=0)

    # MiniStack counts the units of writes, with the indexes. A query is always one unit, whatever it reads, so the page is
    # measured as it is cut: before a filter or a projection, as DynamoDB counts.
    cut_page, answer = dynamodb._paginate_evaluated_items, dynamodb.handle_request

    def page(items: list, limit: object, table: dict, index: object = None) -> tuple:
        cut, more = cut_page(items, limit, table, index)
        if cloudtrail._recording_enabled:
            views = [dynamodb._apply_index_projection(item, table, index) if index else item for item in cut]
            bytes_read.set(sum(map(dynamodb._item_size_bytes, views)))
        return cut, more

    async def measured(method: str, path: str, headers: dict, body: bytes, query: dict) -> tuple:
        if not cloudtrail._recording_enabled:
            return await answer(method, path, headers, body, query)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request = json.loads(body or b"{}")
        bytes_read.set(0)
        asked = json.dumps({**request, "ReturnConsumedCapacity": "TOTAL"}).encode()
        status, sent, text = await answer(method, path, headers, asked, query)
        of_this_call.set(units(operation, request, status, json.loads(text or b"{}")))
        return status, sent, text

    def units(operation: str, request: dict, status: int, answered: dict) -> dict:
        writes = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
        if status != 200:
            # A refused write costs as much as the existing row, whose size is not in the answer: at least one unit.
            rows = len(request.get("TransactItems", ())) * 2 or 1
            return {"write": rows, "refused": 1} if operation in writes and status == 400 else {}
        if operation in writes:
            consumed = answered.get("ConsumedCapacity", [])
            tables = consumed if isinstance(consumed, list) else [consumed]
            return {"write": sum(table["CapacityUnits"] for table in tables)}
        if operation == "GetItem":
            size = dynamodb._item_size_bytes(answered.get("Item", {}))
        elif operation in {"Query", "Scan"}:
            size = bytes_read.get()
        else:
            return {}
        return {"read": max(1, -(-size // 4096)) * (1 if request.get("ConsistentRead") else 0.5)}

    dynamodb._paginate_evaluated_items, dynamodb.handle_request = page, measured

    # The session of every role has the name of its function.
    record = cloudtrail.record_event

    def recorded(*, access_key_id: str, request_params: dict, **call: object) -> None:
        session = sts._sessions.get(access_key_id) or {}
        billed = {"function": session.get("Arn", "").rpartition("/")[2], **of_this_call.get()}
        of_this_call.set({})
        record(access_key_id=access_key_id, request_params={**request_params, "billed": billed}, **call)

    cloudtrail.record_event = recorded

    receive, delete = sqs._receive_messages_for_esm, sqs._delete_messages_for_esm

    def poller_did(what: str, queue_url: str, messages: object) -> None:
        if cloudtrail._recording_enabled and messages:
            parameters = {"QueueUrl": queue_url, "billed": {"poller": True, "messages": len(messages)}}
            record(
                service="sqs", event_name=what, username="", access_key_id="", resources=[], region=sqs.get_region(),
                request_id="", user_agent="", request_params=parameters, method="POST",
            )

    def received(queue_url: str, most: int) -> list:
        messages = receive(queue_url, most)
        poller_did("ReceiveMessage", queue_url, messages)
        return messages

    def deleted(queue_url: str, receipts: set) -> None:
        delete(queue_url, receipts)
        poller_did("DeleteMessageBatch", queue_url, receipts)

    sqs._receive_messages_for_esm, sqs._delete_messages_for_esm = received, deleted


arguments = sys.argv[1:]
if arguments[0] == "--detached":
    arguments = arguments[1:]
    # Keeps running when the terminal closes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
else:
    pipe = os.dup(0)
    threading.Thread(target=end_with_starter, args=(pipe,), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

if os.path.isabs(arguments[0]):
    sys.exit(subprocess.call(arguments))
sys.path.pop(0)
sys.argv = arguments
if arguments[0] == "ministack":
    close_gaps_in_iam()
    close_gaps_in_scheduler()
    start_executions_at_once()
    send_small_answers_at_once()
    check_conditions_once()
    copy_rows_fast()
    collect_garbage_seldom()
    if os.environ.get("BATCHING_WINDOWS") == "kept":
        keep_batching_windows()
    keep_the_time_of_sign_in()
    tell_what_is_billed()
runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
