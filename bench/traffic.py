# traffic.py: what the clients send, and whether what comes back is right.
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import http.client
import json
import re
import socket

HEADS = {
    "anthropic": (
        "POST /v1/messages HTTP/1.1\r\n"
        "host: 127.0.0.1\r\n"
        "connection: keep-alive\r\n"
        "accept: application/json\r\n"
        "user-agent: Anthropic/JS 1.12.0\r\n"
        "x-stainless-retry-count: 0\r\n"
        "x-stainless-timeout: 600\r\n"
        "x-stainless-lang: js\r\n"
        "x-stainless-package-version: 1.12.0\r\n"
        "x-stainless-os: Linux\r\n"
        "x-stainless-arch: x64\r\n"
        "x-stainless-runtime: node\r\n"
        "x-stainless-runtime-version: v20.20.2\r\n"
        "anthropic-version: 2023-06-01\r\n"
    ),
    "openai": (
        "POST /v1/chat/completions HTTP/1.1\r\n"
        "host: 127.0.0.1\r\n"
        "connection: keep-alive\r\n"
        "accept: application/json\r\n"
        "user-agent: OpenAI/JS 6.49.0\r\n"
        "x-stainless-retry-count: 0\r\n"
        "x-stainless-lang: js\r\n"
        "x-stainless-package-version: 6.49.0\r\n"
        "x-stainless-os: Linux\r\n"
        "x-stainless-arch: x64\r\n"
        "x-stainless-runtime: node\r\n"
        "x-stainless-runtime-version: v20.20.2\r\n"
    ),
}
TAIL = (
    "authorization: Bearer {key}\r\n"
    "content-type: application/json\r\n"
    "accept-language: *\r\n"
    "sec-fetch-mode: cors\r\n"
    "accept-encoding: gzip, deflate\r\n"
    "content-length: {length}\r\n\r\n"
)

SYSTEM = "You answer questions about networks. Be brief, and say what is not known. " * 6
QUESTION = 'Why does my "keepalive" pool never fill?\nIts size is 64; requests come at 900/s. ' * 6
LARGE = 'for (i = 0; i < n; i++) {\n\tprintf("%s: %d\\n", name[i], value[i]);\n}\n// next\n'
LARGE_BYTES = 400_000

STAMP = re.compile(rb"@[0-9a-f]{16}")


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes

    def masked(self):
        """The body without the times of its events."""
        return STAMP.sub(b"@", self.body)


def request(dialect, model, key, stream=False, large=False):
    """One request as it goes over the wire."""
    question = LARGE * (LARGE_BYTES // len(json.dumps(LARGE))) if large else QUESTION
    body = {"model": model, "max_tokens": 1024, "temperature": 0.7}
    if dialect == "anthropic":
        body |= {"system": SYSTEM, "messages": [{"role": "user", "content": question}]}
    else:
        body["messages"] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": question},
        ]
    if stream:
        body["stream"] = True
        if dialect == "openai":
            body["stream_options"] = {"include_usage": True}
    text = json.dumps(body, separators=(",", ":")).encode()
    head = HEADS[dialect] + TAIL.format(key=key, length=len(text))
    return head.encode() + text


def exchange(port, wire):
    """Send one request as it stands and read the answer to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(wire)
        answer = http.client.HTTPResponse(sock, method=wire.split(b" ", 1)[0].decode())
        answer.begin()
        return Answer(answer.status, answer.read())


def get(port, path):
    return exchange(port, f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()).body


def body_of(wire):
    return wire.split(b"\r\n\r\n", 1)[1]


class Wrong(Exception):
    """What came back, or what arrived at the provider, is not what it has to be."""


def expect(what, got, want):
    if got != want:
        differ = (i for i, (a, b) in enumerate(zip(got, want)) if a != b)
        at = next(differ, min(len(got), len(want)))
        raise Wrong(f"{what} differs at {at}: {got[at:at + 60]!r} instead of {want[at:at + 60]!r}")


def texts_of(body):
    """What a request says, in either dialect: its system prompt and its messages."""

    def plain(content):
        return content if isinstance(content, str) else "".join(part["text"] for part in content)

    said = [plain(body["system"])] if "system" in body else []
    return said + [plain(message["content"]) for message in body["messages"]]


def check_arrived(wire, arrived, dialect, model, alias, key, translated):
    """The provider must have got the request in its dialect: the same bytes but for the model's
    name, or in a translation the same words. The client's key must not have travelled."""
    sent, got = body_of(wire), body_of(arrived)
    path = HEADS[dialect].split(" ", 2)[1]
    if arrived.split(b" ", 2)[1] != path.encode():
        raise Wrong(f"the provider was asked at {arrived.split(b' ', 2)[1]!r} instead of {path}")
    if alias != model and key.encode() in arrived:
        raise Wrong("the client's key went to the provider")
    if not translated:
        expect("the request", got, sent.replace(b'"%s"' % alias.encode(), b'"%s"' % model.encode()))
        return
    sent, got = json.loads(sent), json.loads(got)
    expect("the model", got["model"], model)
    expect("the request's text", "\0".join(texts_of(got)), "\0".join(texts_of(sent)))
    if got.get("max_tokens", got.get("max_completion_tokens")) != sent["max_tokens"]:
        raise Wrong("max_tokens is not what was sent")


def message_of(answer):
    """An Anthropic answer, streamed or whole, as (text, stop reason, output tokens)."""
    if not answer.body.startswith(b"event:"):
        body = json.loads(answer.body)
        text = "".join(part["text"] for part in body["content"])
        return text, body["stop_reason"], body["usage"]["output_tokens"]
    text, reason, tokens, last = [], None, None, None
    for event in answer.masked().decode().strip().split("\n\n"):
        if event.startswith(":"):  # a remark
            continue
        data = json.loads(event.split("data:", 1)[1])
        last = data["type"]
        if last == "content_block_delta":
            text.append(data["delta"]["text"])
        elif last == "message_delta":
            reason = data["delta"]["stop_reason"]
            tokens = data["usage"]["output_tokens"]
    expect("the last event", last, "message_stop")
    return "".join(text), reason, tokens


def check_answer(answer, direct, translated):
    """The answer must be what the provider gives directly: byte for byte when it is passed on (but
    for the times of events), else with the same text, stop reason and usage."""
    if answer.status != 200:
        raise Wrong(f"status {answer.status}: {answer.body[:200]!r}")
    if translated:
        got, want = message_of(answer), message_of(direct)
        expect("the text", got[0], want[0])
        expect("stop reason and usage", repr(got[1:]), repr(want[1:]))
    else:
        expect("the answer", answer.masked(), direct.masked())
