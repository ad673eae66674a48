"""Serving the starter model: what is served is what was trained, and a server that is killed loses nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.endpoints import Chat, Question
from concord.models import Policy, choose
from concord.models.folder import template
from concord.records import Message, Prompt
from concord.sampling.live import Live
from concord.serving.desk import Desk
from concord.serving.server import Front, Server
from concord.serving.service import Offer, Service
from concord.serving.speaker import Answer, Wish
from concord.settings import Endpoint
from concord.stages.plan import bundled

torch.set_num_threads(1)
ASKED = (
    "Where is the bakery?",
    "How do I make tea?",
    "When does the library open?",
    "Is there a cinema in Milford?",
)
MARKS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(bundled(), choose("cpu", "float32"))


@pytest.fixture(scope="module")
def live(policy: Policy) -> Live:
    return Live(policy, template(bundled()), "starter")


def wish(live: Live, text: str, seed: int, **more: Any) -> Wish:
    prompt = tuple(live.read([Message("user", text)]))
    return Wish(prompt, seed, **{"longest": 30, **more})


def all_of(live: Live, wishes: list[Wish]) -> tuple[list[Answer], list[str]]:
    """Every answer, and what was said of it piece by piece."""
    numbers = [live.add(one) for one in wishes]
    found: dict[int, Answer] = {}
    pieces = dict.fromkeys(numbers, "")
    while live.busy:
        for heard in live.step():
            pieces[heard.number] += heard.piece
            if heard.answer:
                found[heard.number] = heard.answer
    return [found[number] for number in numbers], [pieces[number] for number in numbers]


said = st.lists(
    st.one_of(st.sampled_from(MARKS), st.text(max_size=8), st.sampled_from(["<|", "|>", "end", "\n"])),
    max_size=6,
).map("".join)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), said), min_size=1, max_size=4))
@pytest.mark.slow
def test_s15_nobody_forges_a_turn_and_training_reads_the_same_ids(turns: list[tuple[Any, str]]) -> None:
    """As many control tokens as the template itself writes, and the ids of the one renderer."""
    served = template(bundled())
    messages = [Message(role, text.replace("\0", "")) for role, text in turns]
    ids = served.dialogue(messages)
    control = set(served.tokenizer.added_tokens_decoder)
    own = Counter({f"<|{role}|>": 0 for role, _ in turns})
    for role, _ in turns:
        own[f"<|{role}|>"] += 1
    own["<|end|>"] += len(turns)
    own["<|assistant|>"] += 1
    names = {number: str(token) for number, token in served.tokenizer.added_tokens_decoder.items()}
    assert Counter(names[one] for one in ids if one in control) == own
    assert ids == served.prompt(Prompt(tuple(messages)))
    assert not control & set(served.encode("".join(MARKS)))


@pytest.mark.slow
def test_an_answer_is_the_same_in_whatever_company_and_as_a_stream(live: Live) -> None:
    alone = [all_of(live, [wish(live, text, 7)])[0][0] for text in ASKED]
    wishes = [wish(live, text, 7, pieces=True, tops=place or None) for place, text in enumerate(ASKED)]
    together, pieces = all_of(live, wishes)
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert pieces == [one.text for one in alone]


@pytest.mark.slow
def test_an_answer_ends_before_the_text_that_ends_it(live: Live) -> None:
    for seed in range(10):
        (whole,), _ = all_of(live, [wish(live, "How do I make tea?", seed)])
        ends = tuple(word for word in whole.text.split(" ")[2:4] if word)
        (short,), (pieces,) = all_of(live, [wish(live, "How do I make tea?", seed, ends=ends, pieces=True)])
        assert pieces == short.text == re.split("|".join(map(re.escape, ends)) or "$^", whole.text)[0]


@pytest.mark.slow
def test_joining_a_running_batch_changes_nobodys_answer(live: Live) -> None:
    """One begins, another joins after five steps, a third is called off."""
    alone = [all_of(live, [wish(live, text, 3)])[0][0].tokens for text in ASKED[:2]]
    first = live.add(wish(live, ASKED[0], 3))
    off = live.add(wish(live, ASKED[2], 3))
    found: dict[int, Answer] = {}
    second = -1
    for step in range(200):
        if step == 3:
            live.cancel(off)
        if step == 5:
            second = live.add(wish(live, ASKED[1], 3))
        found.update({heard.number: heard.answer for heard in live.step() if heard.answer})
        if not live.busy and step > 5:
            break
    assert [found[first].tokens, found[second].tokens] == alone and off not in found


@pytest.mark.slow
def test_log_probabilities_are_the_networks_own(live: Live, policy: Policy) -> None:
    """Of a text that is read and of one that is said, beside the network's own softmax in float64."""
    read = live.encode("The bakery is on High Street.")
    (answer,), _ = all_of(live, [wish(live, ASKED[0], 5, temperature=0.6)])
    number = live.add(wish(live, ASKED[0], 5, temperature=0.6, tops=3))
    looked = []
    while live.busy:
        looked += [heard.token for heard in live.step() if heard.number == number and heard.token]
    asked = live.read([Message("user", ASKED[0])])
    rows = ((read, live.likely(read, 3)), ([*asked, *answer.tokens], looked))
    for tokens, told in rows:
        with torch.no_grad():
            logits = policy.network(torch.tensor([tokens])).logits[0].double()
        chances = logits.log_softmax(-1)
        start = len(tokens) - len(told)
        for place, token in enumerate(told, start=start):
            before = chances[place - 1]
            assert token.logprob == pytest.approx(float(before[tokens[place]]), abs=2e-4)
            best = before.topk(3).values.tolist()
            assert [value for _, value in token.tops] == pytest.approx(best, abs=2e-4)
    assert [one.text for one in looked][: len(answer.tokens)] == live.spell(answer.tokens)


@pytest.mark.slow
def test_our_own_client_is_served(live: Live) -> None:
    server = Server(Service(Desk(live), Offer(30)), Front(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        chat = Chat(Endpoint(url=server.url, model="starter"))
        questions = [Question((Message("user", text),), seed=1, n=2, longest=12, tops=2) for text in ASKED]
        found = chat.ask(questions)
    finally:
        server.stop()
        thread.join()
    assert [len(one) for one in found] == [2] * len(ASKED)
    assert all(reply.tokens and len(reply.tokens[0].tops) == 2 for one in found for reply in one)
    assert chat.tally.tokens_said > 0 and chat.tally.repeats == 0


@contextmanager
def serve(log: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`concord serve starter` in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "concord",
        "serve",
        "starter",
        "--port",
        "0",
        "--json",
        "--log",
        str(log),
        *more,
    ]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, process.stderr and process.stderr.read()
        url = json.loads(told)["serve"]["url"]
        end = time.monotonic() + 60
        while True:
            try:
                httpx2.get(url.removesuffix("/v1") + "/healthz")
                break
            except httpx2.TransportError:
                assert time.monotonic() < end
                time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "starter", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.slow
def test_a_signal_to_end_lets_what_is_asked_end_first(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, url):
        found: list[Any] = []
        asked = body(ASKED[1], n=64, max_tokens=200)
        asking = threading.Thread(
            target=lambda: found.append(httpx2.post(f"{url}/chat/completions", json=asked, timeout=120))
        )
        asking.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        asking.join()
        code = process.wait(60)
    assert found[0].status_code == 200 and len(found[0].json()["choices"]) == 64
    assert code == 128 + signal.SIGTERM
    (row,) = map(json.loads, (tmp_path / "requests.jsonl").read_text().splitlines())
    assert len(row["choices"]) == 64 and "gone" not in row


@pytest.mark.slow
def test_a_killed_server_has_on_record_whatever_it_answered(tmp_path: Path) -> None:
    """Killed in the middle of requests, twice; what clients got is in the log, and feedback on it is taken."""
    answered: list[str] = []
    for round_ in range(2):
        with serve(tmp_path) as (process, url):

            def ask(number: int, url: str = url) -> None:
                try:
                    for turn in range(100):
                        reply = httpx2.post(
                            f"{url}/chat/completions", json=body(ASKED[turn % 4], seed=number), timeout=60
                        )
                        answered.append(reply.json()["id"])
                except httpx2.TransportError:
                    return

            if answered:
                kept = httpx2.post(f"{url}/feedback", json={"id": answered[0], "thumbs": "down"})
                assert kept.status_code == 200
            clients = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
            for client in clients:
                client.start()
            wanted = (round_ + 1) * 20
            end = time.monotonic() + 120
            while len(answered) < wanted and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            for client in clients:
                client.join()
    raw = (tmp_path / "requests.jsonl").read_bytes()
    rows = [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]
    assert len(answered) >= 40
    assert set(answered) <= {row["id"] for row in rows}
    assert json.loads((tmp_path / "feedback.jsonl").read_text())["id"] == answered[0]


@pytest.mark.slow
def test_one_server_at_a_time_writes_a_log_and_no_secret_is_told(tmp_path: Path) -> None:
    token = "marker-token-0123456789-abcdef"
    file = tmp_path / "tokens"
    file.write_text(token + "\n")
    log = tmp_path / "log"
    with serve(log, "--token-file", str(file)) as (process, url):
        assert httpx2.post(f"{url}/chat/completions", json=body("a")).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.post(f"{url}/chat/completions", json=body("a"), headers=headers).status_code == 200
        words = [sys.executable, "-m", "concord", "serve", "starter", "--port", "0", "--log", str(log)]
        second = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        assert second.returncode == 8 and "in use" in second.stderr
        with open(f"/proc/{process.pid}/cmdline") as told:
            assert token not in told.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    kept = "".join(one.read_text() for one in log.iterdir())
    assert token not in out + err + kept and process.returncode == 130
