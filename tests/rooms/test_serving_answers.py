"""Serving: what clients of OpenAI's interface ask and get, worked out by hand with a speaker that spells."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.speakers import Echo, Sevens, chat, events, serving

from concord.errors import RecordError
from concord.records import Completion, Message, prompt_key


def told(client: Any, path: str, body: dict[str, Any], status: int = 200) -> Any:
    reply = client.post(f"/v1{path}", json=body)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_an_answer_has_the_shape_that_clients_know() -> None:
    with serving() as client:
        found = told(client, "/chat/completions", chat("hello", max_tokens=3, seed=1))
    assert found["object"] == "chat.completion" and found["model"] == "echo"
    assert found["id"].startswith("chatcmpl-") and found["system_fingerprint"] == "abc"
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "hel", "refusal": None},
        "logprobs": None,
        "finish_reason": "length",
    }
    assert found["choices"] == [choice]
    assert found["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def test_n_stop_and_the_newer_name_of_the_limit() -> None:
    with serving() as client:
        asked = chat("hello", n=3, max_completion_tokens=5, stop=["l", "x"])
        found = told(client, "/chat/completions", asked)
    assert [one["message"]["content"] for one in found["choices"]] == ["he"] * 3
    assert {one["finish_reason"] for one in found["choices"]} == {"stop"}
    assert [one["index"] for one in found["choices"]] == [0, 1, 2]


def test_without_a_limit_the_server_has_one_and_the_context_another() -> None:
    with serving(longest=6) as client:
        assert told(client, "/chat/completions", chat("ab"))["choices"][0]["message"]["content"] == "ababab"
    with serving(Echo(limit=5), longest=6) as client:
        assert told(client, "/chat/completions", chat("ab"))["choices"][0]["message"]["content"] == "aba"
        refused = told(client, "/chat/completions", chat("ab", max_tokens=4), 400)
    assert refused["error"]["code"] == "context_length_exceeded"


def test_log_probabilities_of_dialogues_and_of_texts() -> None:
    with serving() as client:
        found = told(client, "/chat/completions", chat("hé", max_tokens=2, logprobs=True, top_logprobs=1))
        plain = told(
            client, "/completions", {"model": "echo", "prompt": "xy", "max_tokens": 2, "logprobs": 1}
        )
    listed = found["choices"][0]["logprobs"]["content"]
    top = {"token": "é", "logprob": -1.0, "bytes": [195, 169]}
    assert listed[1] == {**top, "top_logprobs": [top]}
    assert plain["choices"][0]["logprobs"] == {
        "tokens": ["x", "y"],
        "token_logprobs": [-1.0, -1.0],
        "top_logprobs": [{"x": -1.0}, {"y": -1.0}],
        "text_offset": [0, 1],
    }


def test_an_echo_tells_of_the_prompt_as_evaluation_harnesses_need_it() -> None:
    """Everything between the context and the one new token is the continuation, and its log-probabilities add up."""
    ids = [[ord(sign) for sign in text] for text in ("abc", "wxyz")]
    with serving() as client:
        asked = {
            "model": "echo",
            "prompt": ids,
            "max_tokens": 1,
            "logprobs": 1,
            "echo": True,
            "temperature": 0,
        }
        found = told(client, "/completions", asked)["choices"]
        alone = told(client, "/completions", {**asked, "prompt": "ab", "max_tokens": 0})["choices"]
    assert [one["text"] for one in found] == ["abca", "wxyzw"]
    for one, context, size in zip(found, (1, 2), (3, 4), strict=True):
        logprobs = one["logprobs"]["token_logprobs"]
        assert logprobs[0] is None and len(logprobs) == size + 1
        assert sum(logprobs[context:-1]) == -0.5 * (size - context)
        assert one["logprobs"]["top_logprobs"][context] == {one["logprobs"]["tokens"][context]: -0.5}
    assert alone[0]["text"] == "ab" and alone[0]["logprobs"]["token_logprobs"] == [None, -0.5]


def test_a_stream_says_the_same_and_ends_with_what_it_took() -> None:
    with serving() as client:
        asked = chat(
            "hello", max_tokens=4, stream=True, stream_options={"include_usage": True}, logprobs=True
        )
        reply = client.post("/v1/chat/completions", json=asked)
        plain = {"model": "echo", "prompt": "xy", "max_tokens": 3, "stream": True}
        texts = events(client.post("/v1/completions", json=plain).text)
    assert reply.headers["content-type"].startswith("text/event-stream")
    *pieces, done = events(reply.text)
    assert done == "[DONE]"
    rows = [json.loads(piece) for piece in pieces]
    assert rows[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = [row["choices"][0]["delta"].get("content", "") for row in rows[:-1]]
    assert "".join(said) == "hell"
    assert rows[-2]["choices"][0]["finish_reason"] == "length"
    assert rows[1]["choices"][0]["logprobs"]["content"][0]["token"] == "h"
    assert rows[-1]["choices"] == [] and rows[-1]["usage"]["completion_tokens"] == 4
    assert all(row["usage"] is None for row in rows[:-1])
    assert "".join(json.loads(one)["choices"][0]["text"] for one in texts[:-1]) == "xyx"


def test_requests_share_steps_instead_of_waiting_for_each_other() -> None:
    speaker = Echo()
    with serving(speaker) as client:
        told(client, "/chat/completions", chat("hello", n=4, max_tokens=8))
    assert speaker.together == [4] * 8


def test_the_best_of_several_is_chosen_by_the_reward_model() -> None:
    """Of 8 the stub scores 0, 7, 6, 5, 4, 3, 2, 1."""
    scorer = Sevens()
    with serving(Echo(), scorer) as client:
        asked = chat("hello", max_tokens=3, n=2, concord={"strategy": "best_of_n", "n": 8})
        found = told(client, "/chat/completions", asked)
        named = told(client, "/chat/completions", {**chat(), "model": "bon-echo"})
        one = told(client, "/chat/completions", chat())
        few = told(client, "/chat/completions", chat(n=3, concord={"n": 2}), 400)
        stream = client.post("/v1/chat/completions", json={**asked, "n": 1, "stream": True})
    assert [choice["concord"] for choice in found["choices"]] == [
        {"reward": 7.0, "rank": 1},
        {"reward": 6.0, "rank": 2},
    ]
    assert found["usage"]["completion_tokens"] == 24  # what was drawn, not what was kept
    assert named["choices"][0]["concord"] == {"reward": 7.0, "rank": 1}
    assert one["choices"][0]["concord"] == {"reward": 0.0, "rank": 1}
    assert few["error"]["code"] == "too_few"
    last = json.loads(events(stream.text)[-2])["choices"][0]
    assert last["delta"] == {"content": "hel"} and last["concord"]["reward"] == 7.0
    assert scorer.count == 8 + 8 + 1 + 8
    assert scorer.heard[0].prompt.messages == (Message("user", "hello"),)


def test_the_best_of_several_needs_somebody_who_knows_what_is_best() -> None:
    with serving() as client:
        refused = told(client, "/chat/completions", chat(concord={"n": 4}), 400)
    assert refused["error"]["code"] == "no_reward_model"


def test_parts_and_developers_are_read_as_text_and_system() -> None:
    parts = [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd"}]
    messages = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": parts}]
    scorer = Sevens()
    with serving(Echo(), scorer) as client:
        found = told(client, "/chat/completions", {"model": "echo", "messages": messages, "max_tokens": 4})
    assert found["choices"][0]["message"]["content"] == "abcd"
    assert scorer.heard[0].prompt.messages == (Message("system", "be brief"), Message("user", "abcd"))


def test_models_and_health() -> None:
    with serving() as client:
        listed = client.get("/v1/models").json()["data"]
        assert [one["id"] for one in listed] == ["echo"] and listed[0]["max_model_len"] == 200
        assert client.get("/v1/models/echo").json()["id"] == "echo"
        assert client.get("/v1/models/other").status_code == 404
        assert client.get("/healthz").json() == {"status": "ok"}


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_is_asked_and_answered_is_on_record_before_it_is_told(tmp_path: Path) -> None:
    with serving(log=tmp_path) as client:
        found = told(
            client, "/chat/completions", chat("hello", max_tokens=3, seed=5, user="somebody", top_p=0.9)
        )
        (row,) = lines(tmp_path / "requests.jsonl")
    assert row["id"] == found["id"] and row["content"] == "abc" and row["seed"] == 5
    assert row["messages"] == [{"role": "user", "content": "hello"}]
    assert row["prompt_id"] == prompt_key([Message("user", "hello")])
    assert (row["temperature"], row["top_p"], row["limit"], row["best_of"]) == (1.0, 0.9, 3, 1)
    (choice,) = row["choices"]
    assert (choice["text"], choice["logprob"], choice["finish"], choice["tokens"]) == (
        "hel",
        -1.0,
        "length",
        3,
    )
    assert "somebody" not in (tmp_path / "requests.jsonl").read_text()


def test_nothing_is_drawn_at_temperature_zero_so_nothing_is_likely(tmp_path: Path) -> None:
    with serving(log=tmp_path) as client:
        told(client, "/chat/completions", chat(temperature=0))
        assert lines(tmp_path / "requests.jsonl")[0]["choices"][0]["logprob"] is None


def test_without_texts_not_a_word_is_kept(tmp_path: Path) -> None:
    with serving(log=tmp_path, texts=False) as client:
        found = told(client, "/chat/completions", chat("secretword", max_tokens=10))
        told(client, "/completions", {"model": "echo", "prompt": "secretword"})
        said = {"thumbs": "down", "correction": "secretword", "name": "secretword"}
        told(client, "/feedback", {"id": found["id"], **said})
    kept = (tmp_path / "requests.jsonl").read_text() + (tmp_path / "feedback.jsonl").read_text()
    assert "secret" not in kept
    row = lines(tmp_path / "requests.jsonl")[0]
    assert row["words"] == 1 and row["characters"] == 10 and row["choices"][0]["words"] == 1
    row = lines(tmp_path / "feedback.jsonl")[0]
    assert (row["correction_characters"], row["name_characters"]) == (10, 10)


def test_feedback_in_our_form_and_in_that_of_langfuse(tmp_path: Path) -> None:
    with serving(log=tmp_path) as client:
        name = told(client, "/chat/completions", chat(n=2))["id"]
        told(client, "/feedback", {"id": name, "choice": 1, "thumbs": "down", "correction": "better"})
        for value, kind in ((1, "BOOLEAN"), ("down", "CATEGORICAL"), (0.25, "NUMERIC"), (0.5, None)):
            body = {"traceId": name, "name": "liked", "value": value, "observationId": "x"}
            told(client, "/feedback", {**body, "dataType": kind} if kind else body)
        assert told(client, "/feedback", {"id": "chatcmpl-unknown", "thumbs": "up"}, 404)["error"]["code"]
        assert told(client, "/feedback", {"id": name, "choice": 2, "thumbs": "up"}, 400)
        assert told(client, "/feedback", {"id": name}, 400)
        assert told(client, "/feedback", {"traceId": name, "name": "x", "value": "perhaps"}, 400)
    found = [
        {key: row[key] for key in row.keys() - {"time", "id"}} for row in lines(tmp_path / "feedback.jsonl")
    ]
    assert found == [
        {"choice": 1, "thumbs": "down", "correction": "better"},
        {"choice": 0, "thumbs": "up", "name": "liked"},
        {"choice": 0, "thumbs": "down", "name": "liked"},
        {"choice": 0, "score": 0.25, "name": "liked"},
        {"choice": 0, "score": 0.5, "name": "liked"},
    ]


def test_feedback_has_no_place_without_a_log() -> None:
    with serving() as client:
        assert told(client, "/feedback", {"id": "x", "thumbs": "up"}, 409)["error"]["code"] == "no_log"


def test_a_log_goes_on_where_a_killed_server_left_it(tmp_path: Path) -> None:
    """The half line goes, the answers before it are still known."""
    with serving(log=tmp_path) as client:
        name = told(client, "/chat/completions", chat())["id"]
    with (tmp_path / "requests.jsonl").open("a") as file:
        file.write('{"id": "chatcmpl-half')
    with serving(log=tmp_path) as client:
        told(client, "/feedback", {"id": name, "thumbs": "up"})
        told(client, "/chat/completions", chat())
    assert [row["id"][:9] for row in lines(tmp_path / "requests.jsonl")] == ["chatcmpl-"] * 2


def test_an_answer_that_cannot_be_logged_is_not_given(tmp_path: Path) -> None:
    with serving(log=tmp_path) as client:
        service = client.app.app.router.routes[1].endpoint.__self__.service  # type: ignore[attr-defined]
        service.log.files["requests.jsonl"].close()  # as if the disk had gone
        refused = client.post("/v1/chat/completions", json=chat())
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "no_log"


@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_model_is_told_to_all_and_the_server_says_so(stream: bool) -> None:
    speaker = Echo(broken=ValueError("secret inner words"))
    with serving(speaker) as client:
        first = client.post("/v1/chat/completions", json=chat(stream=stream))
        assert "secret" not in first.text and "broken" in first.text
        assert client.get("/healthz").status_code == 503
        assert client.post("/v1/chat/completions", json=chat()).status_code == 503


class Picky:
    """A reward model that cannot read one of the answers."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        if completions[0].text.startswith("long"):
            raise RecordError("An answer is too long for the reward model.")
        return [1.0] * len(completions)


def test_one_request_that_fails_is_nobody_elses_trouble(tmp_path: Path) -> None:
    with serving(Echo(), Picky(), tmp_path) as client:
        failed = told(client, "/chat/completions", chat("long"), 500)
        stream = events(client.post("/v1/chat/completions", json=chat("long", stream=True)).text)
        told(client, "/chat/completions", chat("fine"))
        assert client.get("/healthz").status_code == 200
    assert failed["error"]["code"] == json.loads(stream[-1])["error"]["code"] == "failed"
    rows = lines(tmp_path / "requests.jsonl")
    assert [row.get("failed", False) for row in rows] == [True, True, False]
