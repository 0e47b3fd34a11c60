"""Runs a Python module or a program and ends it, with all it started, when whoever started it is gone.

emulator.py [--detached] MODULE|/PROGRAM [ARGUMENT...]
"""

import os
import runpy
import signal
import subprocess
import sys
import threading


def end_with_starter(pipe: int) -> None:
    # Nobody ever writes: the read returns when the starter closes its end, and the system does that even if it is killed.
    os.read(pipe, 1)
    os.killpg(os.getpid(), signal.SIGKILL)


def close_gaps_in_iam() -> None:
    """Makes MiniStack decide two things like AWS, so that the roles and policies made for AWS work here unchanged."""
    from ministack.core import iam_actions, iam_evaluator

    # Queues and topics refuse whoever comes without TLS. It speaks plain HTTP, but nothing leaves this machine.
    value_in_request = iam_evaluator._resolve_condition_key

    def condition_key(key: str, context: iam_evaluator.EvalContext) -> object:
        return "true" if key.lower() == "aws:securetransport" else value_in_request(key, context)

    # Who answers a task token needs permission for its state machine. The emulator forgets whose it is; there is one.
    named_in_request = iam_actions.extract_resource_arn

    def resource_arn(service: str, method: str, path: str, headers: dict, *others: object) -> str:
        from ministack.services import stepfunctions

        machines = list(stepfunctions._state_machines)
        if service == "states" and ".SendTask" in headers.get("x-amz-target", "") and len(machines) == 1:
            return machines[0]
        return named_in_request(service, method, path, headers, *others)

    iam_evaluator._resolve_condition_key = condition_key
    iam_actions.extract_resource_arn = resource_arn


arguments = sys.argv[1:]
if arguments[0] == "--detached":
    arguments = arguments[1:]
    # Stays when the terminal closes.
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
runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
