"""Runs a Python module as a program and ends it, with all it started, when whoever started it is gone.

emulator.py [--detached] MODULE [ARGUMENT...]
"""

import os
import runpy
import signal
import sys
import threading


def end_with_starter(pipe: int) -> None:
    # Nobody ever writes: the read returns when the starter closes its end, and the system does that even if it is killed.
    os.read(pipe, 1)
    os.killpg(os.getpid(), signal.SIGKILL)


arguments = sys.argv[1:]
if arguments[0] == "--detached":
    arguments = arguments[1:]
    # Stays when the terminal closes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
else:
    pipe = os.dup(0)
    threading.Thread(target=end_with_starter, args=(pipe,), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

sys.path.pop(0)
sys.argv = arguments
runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
