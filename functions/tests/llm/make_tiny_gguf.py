"""Writes a language model of 60,000 weights, just enough for llama.cpp to load it and to be led by a grammar.

make_tiny_gguf.py FILE TEMPLATE

The weights are noise of a fixed seed, except for four of the 64 dimensions: see `weights`. The vocabulary is every byte,
the printable ASCII characters and some words, so that the model can write any text. Needs nothing but Python.
"""

import os
import random
import struct
import sys
from array import array

WIDTH = 64
HEADS = 2
CONTEXT = 32_768
SEED = 1

# Positions in the vocabulary.
UNKNOWN, BEGIN, END = 0, 1, 2

WORDS = "目標 計画 調べる 書く 毎日 練習 を する 確認 資料 30分 まとめる 友人 に 聞く 本 読む 朝 夜 週 read write plan".split()
NUMBERS = "30 45 60".split()
DIGITS = "0123456789"

# The format of Qwen and of many other models.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def refusing_system(condition: str) -> str:
    refused = "{{ raise_exception('System role not supported') }}"
    return "{% if messages[0].role == 'system'" + condition + " %}" + refused + "{% endif %}" + CHATML


TEMPLATES = {
    "chatml": CHATML,
    # Like Gemma 1 and 2: llama.cpp notices it by a conversation of its own, and moves a system message to the user's.
    "no_system": refusing_system(""),
    # The same, unnoticed because that conversation is short: the server refuses, as others do that do not try first.
    "strict": refusing_system(" and messages[0].content | length > 200"),
    # Like Qwen 3 and DeepSeek R1: the answer begins with thoughts.
    "think": CHATML.replace(
        "{{ m.content }}",
        "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}",
    ).replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}"),
    # Like Qwen 2.5 and Hermes 2 Pro: a call of a tool is a tag with JSON in it.
    "tools": "{% if tools %}<|im_start|>system\n<tools>{% for t in tools %}{{ t | tojson }}{% endfor %}</tools><|im_end|>\n"
    "{% endif %}"
    + CHATML.replace(
        "{{ m.content }}",
        "{% if m.content %}{{ m.content }}{% endif %}{% for c in m.tool_calls or [] %}<tool_call>"
        '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>{% endfor %}',
    ),
}

# What a model of that template writes sooner or later: the end of its thoughts, the beginning of a call. With the likelihood.
SIGNALS = {"think": ("</think>", 1.0), "tools": ("<tool_call>", 1.2)}


def signals() -> list[str]:
    return [text for text, _ in SIGNALS.values()]


def vocabulary() -> list[tuple[str, int]]:
    """Returns the tokens, each with its type as GGUF numbers them."""
    normal, unknown, control, byte = 1, 2, 3, 6
    special = [("<unk>", unknown)] + [(text, control) for text in ("<s>", "</s>", "<|im_start|>", "<|im_end|>")]
    bytes_ = [(f"<0x{number:02X}>", byte) for number in range(256)]
    # The last one stands for a space.
    characters = [(chr(code), normal) for code in (*range(33, 127), 0x2581)]
    words = [(text, normal) for text in WORDS + NUMBERS]
    return special + bytes_ + characters + words + [(text, control) for text in ("<think>", *signals())]


def weights(tokens: list[tuple[str, int]], template: str) -> dict[str, list]:
    """Returns the tensors by name, each a list of rows or of numbers.

    | Dimension | is there after | and makes |
    |---|---|---|
    | 0 | every token | quotes and words likely: a text between quotes ends after a few words |
    | 1 | a quote | another quote unlikely: no text is empty |
    | 2 | what ends a tag | the end of the answer likely |
    | 3 | a number | another number unlikely |

    A model with tools is good at numbers and ends its lists: it keeps to the limits of the tasks when no schema states them.
    The others are not, and begin numbers with a minus wherever the grammar lets them.
    """
    rng = random.Random(SEED)

    def noise(rows: int, size: float) -> list[list[float]]:
        return [[rng.gauss(0, size) for _ in range(WIDTH)] for _ in range(rows)]

    def these(*texts: str) -> list[int]:
        return [index for index, (text, _) in enumerate(tokens) if text in texts]

    embedding, output = noise(len(tokens), 0.02), noise(len(tokens), 0.2)
    # Rows are normalised to a length of 8 before they meet the output, so a likelihood counts eightfold.
    likely = {'"': 1.5, "{": 1, ",": 0.45, "<": 0.8} | {word: rng.uniform(0.9, 1.1) for word in WORDS}
    likely |= dict.fromkeys(signals(), -5) | dict([SIGNALS[template]] if template in SIGNALS else [])
    if template == "tools":
        likely |= dict.fromkeys(NUMBERS, 0.6) | dict.fromkeys(DIGITS, -2) | {"-": -5, "]": 0.4}
    else:
        likely |= dict.fromkeys(NUMBERS, -5) | {"-": 0.75}
    for index, (text, _) in enumerate(tokens):
        embedding[index][0] += 1
        output[index][0] = likely.get(text, output[index][0])
    for index in these('"', "<0x22>"):
        embedding[index][1] += 1
        output[index][1] -= 5
    for index in these(">", "<0x3E>"):
        embedding[index][2] += 1
    output[END][2] = 3
    if template == "tools":
        for index in these(*NUMBERS, *DIGITS, *(f"<0x{ord(digit):02X}>" for digit in DIGITS)):
            embedding[index][3] += 1
            output[index][3] -= 5

    squares = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    block = {f"blk.0.{name}.weight": noise(WIDTH, 0.02) for name in squares}
    norms = {f"{name}.weight": [1.0] * WIDTH for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")}
    return {"token_embd.weight": embedding, "output.weight": output} | norms | block


def gguf(metadata: dict[str, object], tensors: dict[str, list]) -> bytes:
    """Returns a GGUF file of version 3 whose tensors are 32-bit floats.

    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    version, alignment = 3, 32
    int32, string, list_ = 5, 8, 9
    # A whole number is unsigned by itself and signed in a list, as llama.cpp reads them.
    scalars = {bool: (7, "<?"), int: (4, "<I"), float: (6, "<f")}

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def typed(value: object) -> bytes:
        if isinstance(value, list):
            kind = int32 if isinstance(value[0], int) else int.from_bytes(typed(value[0])[:4], "little")
            return struct.pack("<IIQ", list_, kind, len(value)) + b"".join(typed(item)[4:] for item in value)
        if isinstance(value, str):
            return struct.pack("<I", string) + text(value)
        kind, layout = scalars[type(value)]
        return struct.pack("<I", kind) + struct.pack(layout, value)

    def padded(data: bytes) -> bytes:
        return data + b"\0" * (-len(data) % alignment)

    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(name) + typed(value) for name, value in metadata.items())
    data = b""
    for name, rows in tensors.items():
        is_matrix = isinstance(rows[0], list)
        shape = [WIDTH, len(rows)] if is_matrix else [len(rows)]
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += padded(array("f", (number for row in rows for number in row) if is_matrix else rows).tobytes())
    return padded(head) + data


def make(path: str | os.PathLike, template: str) -> None:
    """Writes the model with that chat template to the file. A server may read an older one meanwhile."""
    tokens = vocabulary()
    metadata = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": WIDTH,
        "llama.attention.head_count": HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [text for text, _ in tokens],
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": [kind for _, kind in tokens],
        "tokenizer.ggml.unknown_token_id": UNKNOWN,
        "tokenizer.ggml.bos_token_id": BEGIN,
        "tokenizer.ggml.eos_token_id": END,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": TEMPLATES[template],
    }
    with open(f"{path}.new", "wb") as file:
        file.write(gguf(metadata, weights(tokens, template)))
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    make(*sys.argv[1:])
