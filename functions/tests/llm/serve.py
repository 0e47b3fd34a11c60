"""Serves a tiny model with llama.cpp's own HTTP server, on 127.0.0.1, until it is ended.

serve.py TEMPLATE [NAME=JSON...] [--port PORT]

TEMPLATE is one of `make_tiny_gguf.py`, and NAME a field of `xllamacpp.CommonParams`. Writes the model to the current folder,
and the server's address to the standard output. The same request always gets the same answer.
"""

import argparse
import json
import signal

import make_tiny_gguf
import xllamacpp

# Of each conversation at once: the prompt has about 2,900 tokens here, one or more for each character.
CONTEXT = 8_192
CONVERSATIONS = 2
# A connection that is kept open occupies one, and 64 actions may hold as many.
HTTP_THREADS = 80

arguments = argparse.ArgumentParser()
arguments.add_argument("template", choices=make_tiny_gguf.TEMPLATES)
arguments.add_argument("settings", nargs="*")
arguments.add_argument("--port", type=int, default=0)
given = arguments.parse_args()

file = f"{given.template}.gguf"
make_tiny_gguf.make(file, given.template)

params = xllamacpp.CommonParams()
params.model.path = file
params.port = given.port
params.n_ctx, params.n_parallel = CONTEXT * CONVERSATIONS, CONVERSATIONS
params.n_threads_http = HTTP_THREADS
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.warmup = False
params.sampling.seed = 1
for name, _, value in (setting.partition("=") for setting in given.settings):
    setattr(params, name, json.loads(value))

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.sigwait([signal.SIGTERM, signal.SIGINT])
