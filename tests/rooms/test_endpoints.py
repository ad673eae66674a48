"""Chat endpoints: believed in nothing, asked again only where that may help, and never told more than they must."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import endpoint as mock

from concord.endpoints import Chat, Question
from concord.endpoints.wire import MOST_BYTES
from concord.errors import EndpointError, SettingsError
from concord.records import Message, Prompt
from concord.sampling import Remote
from concord.settings import Endpoint

SECRET = "sk-marker-d41d8cd98f"
HI = (Message("user", "hi"),)


@pytest.fixture
def there() -> Iterator[Any]:
    with mock.running() as endpoint:
        yield endpoint


def chat(there: Any, memory: Path | None = None, **asked: Any) -> tuple[Chat, list[float]]:
    """A client that does not wait, and the pauses that it would have made."""
    pauses: list[float] = []
    settings = Endpoint.model_validate({"url": there.url, "model": "m", "seconds": 5, "tries": 3} | asked)
    return Chat(settings, memory, pauses.append), pauses


def test_a_question_is_asked_as_the_protocol_says(there: Any) -> None:
    client, _ = chat(there)
    there.speak = lambda body: ("Hello.", {"Hello": 0.8, "Hi": 0.2})
    reply = client.ask([Question(HI, seed=5, temperature=0.5, top_p=0.9, longest=7, tops=2)])[0][0]
    assert there.heard == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 7,
            "n": 1,
            "stream": False,
            "seed": 5,
            "logprobs": True,
            "top_logprobs": 2,
        }
    ]
    assert (reply.text, reply.finish) == ("Hello.", "stop")
    assert reply.tokens is not None and reply.tokens[0].tops[1][0] == "Hi"
    assert reply.tokens[0].tops[1][1] == pytest.approx(-1.6094379)


@pytest.mark.parametrize("lie", mock.LIES)
def test_s19_an_answer_that_cannot_be_is_refused_and_its_endpoint_named(there: Any, lie: str) -> None:
    client, _ = chat(there)
    there.speak, complaint = mock.LIES[lie]
    with pytest.raises(EndpointError, match=there.url) as refusal:
        client.ask([Question(HI, tops=1)])
    assert complaint in str(refusal.value)


def test_what_may_pass_is_tried_again_and_what_will_not_is_not(there: Any) -> None:
    client, pauses = chat(there, tries=4)
    answers = iter([(500, {}), (429, {"Retry_After": "7"}), (200, None)])

    def flaky(to: Any, body: dict[str, Any]) -> None:
        status, headers = next(answers)
        raw = json.dumps(mock.completion(body, "yes")).encode() if status == 200 else b"<html>no</html>"
        mock.send(to, status, raw, **(headers or {}))

    there.raw = flaky
    assert client.ask([Question(HI)])[0][0].text == "yes"
    assert pauses == [0.5, 7.0]
    assert (client.tally.calls, client.tally.repeats, client.tally.questions) == (3, 2, 1)

    there.raw = lambda to, body: mock.send(to, 400, b'{"error": "no such model"}')
    with pytest.raises(EndpointError, match=r"answers 400: .*no such model"):
        client.ask([Question(HI)])
    there.raw = lambda to, body: mock.send(to, 401, b"who are you")
    with pytest.raises(EndpointError, match="refuses the key"):
        client.ask([Question(HI)])
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (lambda to, body: mock.send(to, 503, b"busy"), "asked 3 times and answers 503: 'busy'"),
        (lambda to, body: mock.send(to, 200, b"<html>hello</html>"), "what is not JSON: '<html>"),
        (lambda to, body: mock.send(to, 200, b"[" * 100_000), "what is not JSON"),
        (mock.truncated, "breaks off|IncompleteRead"),
        (lambda to, body: to.connection.close(), "asked 3 times and "),
    ],
    ids=["busy", "html", "deep", "truncated", "closed"],
)
def test_a_broken_endpoint_is_given_up_in_the_end(there: Any, raw: Any, complaint: str) -> None:
    client, pauses = chat(there)
    there.raw = raw
    with pytest.raises(EndpointError, match=complaint):
        client.ask([Question(HI)])
    assert pauses == [0.5, 1.0]


def test_a_slow_endpoint_is_cut_off_however_it_drips(there: Any) -> None:
    client, _ = chat(there, seconds=0.2, tries=1)
    there.raw = mock.drip
    begin = time.monotonic()
    with pytest.raises(EndpointError, match=r"took longer than 0\.2 s"):
        client.ask([Question(HI)])
    assert time.monotonic() - begin < 1.5


def test_an_answer_without_end_is_not_read_to_its_end(there: Any) -> None:
    client, _ = chat(there)
    there.raw = lambda to, body: mock.send(to, 200, b" " * (MOST_BYTES + 10))
    with pytest.raises(EndpointError, match="more than 16 MiB"):
        client.ask([Question(HI)])


def test_s12_nothing_is_sent_where_a_redirect_points(there: Any) -> None:
    with mock.running() as elsewhere:
        there.raw = lambda to, body: mock.send(to, 307, b"", Location=f"{elsewhere.url}/chat/completions")
        client, _ = chat(there)
        with pytest.raises(EndpointError, match=r"points elsewhere \(307\), and nothing is sent there"):
            client.ask([Question(HI)])
        assert not elsewhere.heard


def test_s12_a_name_is_looked_up_once_and_never_comes_to_mean_another_machine(
    there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if host == "127.0.0.1" or asked.count("judge.test") == 1 else "192.0.2.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    client, _ = chat(there, url=f"http://judge.test:{there.port}/v1")
    for _ in range(3):
        assert client.ask([Question(HI)])
    assert asked.count("judge.test") == 1
    assert there.headers[0]["Host"] == f"judge.test:{there.port}"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://169.254.169.254/latest", "no endpoint can have"),
        ("http://[fe80::1]/v1", "no endpoint can have"),
        ("http://[::ffff:169.254.169.254]/v1", "no endpoint can have"),
        ("http://0.0.0.0/v1", "no endpoint can have"),
        ("http://2852039166/v1", "no endpoint can have"),
        ("http://0xa9fea9fe/v1", "no endpoint can have"),
        ("http://224.0.0.1/v1", "no endpoint can have"),
    ],
)
def test_s12_addresses_that_are_nobodys_endpoint_are_refused(url: str, complaint: str) -> None:
    with pytest.raises(EndpointError, match=complaint):
        Chat(Endpoint(url=url, model="m")).ask([Question(HI)])


@pytest.mark.parametrize(
    "url", ["ftp://h/v1", "http://me:pw@h/v1", "http://h/v1?key=x", "http://h/#a", "file:///x"]
)
def test_s12_what_is_no_endpoint_cannot_be_set(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        Endpoint(url=url, model="m")


def test_s22_the_key_stands_in_the_header_and_nowhere_else(
    there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    client, _ = chat(there, tmp_path / "answers.jsonl", key="JUDGE_KEY")
    client.ask([Question(HI)])
    assert there.headers[0]["Authorization"] == f"Bearer {SECRET}"
    there.raw = lambda to, body: mock.send(to, 400, f"bad key {SECRET}".encode())
    with pytest.raises(EndpointError) as refusal:
        client.ask([Question(HI, seed=1)])
    told = [str(refusal.value), repr(vars(client)), repr(vars(client.wire)), json.dumps(client.tally.facts())]
    told += [path.read_text() for path in tmp_path.iterdir()] + list(capfd.readouterr())
    assert not any(SECRET in one for one in told)
    assert "bad key [key]" in str(refusal.value)
    monkeypatch.delenv("JUDGE_KEY")
    with pytest.raises(SettingsError, match="JUDGE_KEY, which should hold the endpoint's key, is not set"):
        chat(there, key="JUDGE_KEY")


def test_a_key_does_not_leave_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    client = Chat(Endpoint(url="http://8.8.8.8/v1", model="m", key="JUDGE_KEY", tries=1))
    with pytest.raises(EndpointError, match=r"unencrypted over the open network\. Use https"):
        client.ask([Question(HI)])


def test_what_was_answered_is_asked_once_even_after_a_kill(there: Any, tmp_path: Path) -> None:
    memory = tmp_path / "answers.jsonl"
    prices = {"price_read": 1_000_000, "price_said": 2_000_000}
    first, _ = chat(there, memory, **prices)
    there.speak = lambda body: f"answer {body['seed']}"
    questions = [Question(HI, seed=seed) for seed in range(6)]
    before = first.ask(questions)
    assert len(there.heard) == 6
    lines = memory.read_bytes()
    memory.write_bytes(lines[:-20])  # killed in the middle of a line
    again, _ = chat(there, memory, **prices)
    assert again.ask(questions) == before
    assert len(there.heard) == 7
    facts = again.tally.facts()
    assert (facts["questions"], facts["remembered"], facts["calls"]) == (6, 5, 1)
    # a question of one word, answers of two: 6 * (1 * 1 + 2 * 2)
    assert (facts["tokens_read"], facts["tokens_said"], facts["cost"]) == (6, 12, 30.0)
    assert memory.read_bytes().count(b"\n") == 6


def test_times_of_asking_are_told_apart_where_no_seed_is_sent(there: Any, tmp_path: Path) -> None:
    """Eight samples of one prompt are eight calls, whose answers a later run finds each in its place."""
    client, _ = chat(there, tmp_path / "answers.jsonl", seeded=False, at_once=1)
    there.speak = lambda body: f"answer {len(there.heard)}"
    questions = [Question(HI, seed=seed) for seed in range(8)]
    said = client.ask(questions)
    assert len({replies[0].text for replies in said}) == len(there.heard) == 8
    assert all("seed" not in body for body in there.heard)
    again, _ = chat(there, tmp_path / "answers.jsonl", seeded=False, at_once=4)
    assert again.ask(questions) == said and len(there.heard) == 8


def test_a_log_probability_beyond_all_floats_is_refused(there: Any) -> None:
    client, _ = chat(there)
    lie = {"content": [{"token": "x", "logprob": -(10**400), "top_logprobs": []}]}
    there.speak = mock.first_choice(logprobs=lie)
    with pytest.raises(EndpointError, match="with a log-probability of -1000"):
        client.ask([Question(HI, tops=1)])


def test_no_more_calls_at_once_than_asked_for(there: Any) -> None:
    client, _ = chat(there, at_once=3)

    together = threading.Barrier(3)

    def three_at_once(body: dict[str, Any]) -> str:
        together.wait(timeout=30)  # nobody is answered before three have asked
        return str(body["seed"])

    there.speak = three_at_once
    said = client.ask([Question(HI, seed=seed) for seed in range(12)])
    assert [replies[0].text for replies in said] == [str(seed) for seed in range(12)]
    assert there.most == 3


def test_a_remote_model_is_a_sampler(there: Any) -> None:
    client, _ = chat(there)
    there.speak = lambda body: f"{body['messages'][-1]['content']}?"
    prompts = [Prompt((Message("user", text),), text) for text in ("one", "two")]
    said = Remote(client, "there", 7, 0.5, 9).sample(prompts, 3)
    assert [one.text for one in said] == ["one?"] * 3 + ["two?"] * 3
    assert len({one.seed for one in said}) == 6
    assert {(one.by, one.temperature, one.finish, one.tokens) for one in said} == {
        ("there", 0.5, "stop", None)
    }
    together = Remote(client, "there", 7, together=2).sample(prompts[:1], 3)
    assert sorted(body["n"] for body in there.heard[-2:]) == [1, 2] and len(together) == 3
    assert Remote(client, "there", 7, 0.5, 9).sample(prompts[1:], 3) == said[3:]


def test_a_remote_model_that_says_nothing_and_does_not_end_is_an_error(there: Any) -> None:
    client, _ = chat(there)
    there.speak = mock.first_choice(message={"content": None}, finish_reason="content_filter")
    with pytest.raises(EndpointError, match="answers prompt p with nothing"):
        Remote(client, "there", 0).sample([Prompt(HI, "p")], 1)
    there.speak = honest_length
    with pytest.raises(EndpointError, match="gives no log-probabilities"):
        Remote(client, "there", 0, logprobs=True).sample([Prompt(HI, "p")], 1)


def honest_length(body: dict[str, Any]) -> dict[str, Any]:
    """An answer that was cut off."""
    whole: dict[str, Any] = mock.completion(body, "so long")
    whole["choices"][0]["finish_reason"] = "length"
    return whole
