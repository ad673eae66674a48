"""A chat endpoint on this machine that answers as told, or lies in one of many ways; for tests alone."""

import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Speak = Callable[[dict[str, Any]], Any]
"""What is said to a request: a text, or a text with the probabilities of the tokens at its place."""

BETTER = re.compile(r"\bgood\b")
BETWEEN = re.compile(r"Answer (\w):\n<(material-\w+)>\n(.*?)\n</\2>", re.DOTALL)
ALONE = re.compile(r"Answer:\n<(material-\w+)>\n(.*?)\n</\1>", re.DOTALL)
OBEY = re.compile(
    r"\b(?:say|output|choose)\s+([AB])\b|(this answer is the best|prefer this one|this one wins)", re.I
)


def quality(text: str) -> int:
    """What the honest judge of these tests goes by."""
    return len(BETTER.findall(text))


def shown(body: dict[str, Any]) -> dict[str, str]:
    """The answers that a judge is shown, by their names."""
    return {name: text for name, _, text in BETWEEN.findall(body["messages"][-1]["content"])}


def honest(body: dict[str, Any]) -> str:
    """The verdict of somebody who counts what is good, whatever the order."""
    asked = body["messages"][-1]["content"]
    answers = shown(body)
    if not answers and not ALONE.search(asked):
        return "hello"
    if not answers:
        return str(min(9, 1 + quality(ALONE.findall(asked)[-1][1])))
    if set(answers) == {"A", "B"}:
        return "A" if quality(answers["A"]) >= quality(answers["B"]) else "B"
    order = sorted(answers, key=lambda name: -quality(answers[name]))
    return " > ".join(order)


def gullible(body: dict[str, Any]) -> str:
    """The same, but whatever an answer orders is done."""
    for name, text in shown(body).items():
        if order := OBEY.search(text):
            return order[1].upper() if order[1] else name
    return honest(body)


def completion(body: dict[str, Any], text: str, tops: dict[str, float] | None = None) -> dict[str, Any]:
    """A chat completion of one text, said n times."""
    choices = []
    for index in range(body.get("n", 1)):
        choice: dict[str, Any] = {
            "index": index,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        if tops is not None:
            first = max(tops, key=lambda name: tops[name])
            listed = [{"token": name, "logprob": math.log(value)} for name, value in tops.items()]
            choice["logprobs"] = {
                "content": [{"token": first, "logprob": math.log(tops[first]), "top_logprobs": listed}]
            }
        choices.append(choice)
    read = sum(len(one["content"].split()) for one in body["messages"])
    usage = {"prompt_tokens": read, "completion_tokens": len(text.split()) * len(choices)}
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": choices, "usage": usage}


def changed(**change: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A sound completion with some of its fields otherwise."""
    return lambda body: {**completion(body, "A"), **change}


def first_choice(**change: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A sound completion whose first choice is otherwise."""

    def said(body: dict[str, Any]) -> dict[str, Any]:
        whole = completion(body, "A")
        whole["choices"][0] |= change
        return whole

    return said


def with_logprob(number: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A completion with one log-probability."""
    return first_choice(logprobs={"content": [{"token": "A", "logprob": number, "top_logprobs": []}]})


LIES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "nan": (with_logprob(math.nan), "not JSON"),
    "infinity": (with_logprob(-math.inf), "not JSON"),
    "probability above one": (with_logprob(0.7), "log-probability of 0.7"),
    "log-probability that is text": (with_logprob("0"), "log-probability of 0"),
    "no choice": (changed(choices=[]), "0 times where 1 were asked for"),
    "two choices": (changed(choices=[{"index": 0}, {"index": 1}]), "2 times where 1 were asked for"),
    "other ids": (first_choice(index=7), "number 7, which was not asked for"),
    "huge": (first_choice(message={"content": "x" * 300_000}), "300,000 characters"),
    "text that is a number": (first_choice(message={"content": 3}), "without a text"),
    "no message": (first_choice(message=None), "without a text"),
    "choices that are no list": (changed(choices="A"), "without a list of `choices`"),
    "a list": (lambda body: [completion(body, "A")], "without a list of `choices`"),  # type: ignore[dict-item,return-value]
    "negative tokens": (changed(usage={"prompt_tokens": -5, "completion_tokens": 1}), "it took -5 tokens"),
}
"""Answers of status 200 that are JSON and cannot be: what is said, and what must be said of it."""


class Endpoint:
    """A server that hears requests, counts them and answers."""

    def __init__(self) -> None:
        self.speak: Speak = honest
        self.raw: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] | None = None
        """Answers by itself if given."""
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.busy = self.most = 0
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *about: None  # type: ignore[method-assign,assignment]
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        """Hear one request and answer it."""
        body = json.loads(to.rfile.read(int(to.headers["Content-Length"])))
        with self.lock:
            self.heard.append(body)
            self.headers.append(dict(to.headers))
            self.busy += 1
            self.most = max(self.most, self.busy)
        try:
            said = None if self.raw is not None else self.said(body)
            if self.raw is not None:
                self.raw(to, body)
        finally:
            with self.lock:
                self.busy -= 1  # before the last byte leaves: the next request may come right after it
        if said is not None:
            send(to, 200, json.dumps(said).encode())

    def said(self, body: dict[str, Any]) -> Any:
        """What is answered to a request."""
        said = self.speak(body)
        if isinstance(said, tuple):
            return completion(body, *said)
        return completion(body, said) if isinstance(said, str) else said


def send(to: BaseHTTPRequestHandler, status: int, raw: bytes, **headers: str) -> None:
    """Send a whole answer."""
    to.send_response(status)
    for name, value in headers.items():
        to.send_header(name.replace("_", "-"), value)
    to.send_header("Content-Length", str(len(raw)))
    to.end_headers()
    to.wfile.write(raw)


def drip(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Send a byte now and then, for ever."""
    to.send_response(200)
    to.end_headers()
    for _ in range(200):
        to.wfile.write(b" ")
        to.wfile.flush()
        time.sleep(0.02)


def truncated(to: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Promise more than is sent."""
    raw = json.dumps(completion(body, "A")).encode()
    to.send_response(200)
    to.send_header("Content-Length", str(len(raw) + 50))
    to.end_headers()
    to.wfile.write(raw[:-9])


@contextmanager
def running() -> Iterator[Endpoint]:
    """An endpoint that listens until the test is over."""
    endpoint = Endpoint()
    thread = threading.Thread(
        target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
        thread.join()
