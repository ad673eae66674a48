"""Broken rows of other tools: each is named by field and reason, nothing is taken, and the sound rows can be kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import shapes
from tests.rooms.shapes import ASKED, ETNA, RHINE, SAID, SHAPES, USER

from concord.errors import RecordError
from concord.formats import FORMATS, Passage
from concord.formats.fields import Fault
from concord.formats.rows import Notes

GPT = {"from": "gpt", "value": "x"}
TOOL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}


def ranks(*values: Any) -> list[dict[str, Any]]:
    """Completions of NeMo with these ranks."""
    return [
        {"rank": value, "completion": [{"role": "assistant", "content": f"{n}"}]}
        for n, value in enumerate(values)
    ]


def scores(*values: Any) -> list[dict[str, Any]]:
    """Scored answers."""
    return [{"text": f"answer {n}", "score": value} for n, value in enumerate(values)]


def turns(*values: dict[str, Any]) -> dict[str, Any]:
    """A tree's prompt with these replies."""
    return {"prompt": {"message_id": "p", "role": "prompter", "text": "x", "replies": list(values)}}


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("alpacaeval-outputs", {"output": " "}, "`output` is"),
    ("alpaca", {"history": [["only"]]}, "`history[0]` is a list of 1; a turn is a question and its answer"),
    ("alpaca", {"instruction": ""}, "`instruction` is"),
    ("alpaca", {"input": 3}, "`input` is 3; a text is needed"),
    ("sharegpt", {"conversations": [ASKED]}, "must end with the answer of gpt, not the turn of human"),
    ("sharegpt", {"conversations": [GPT, GPT]}, "no message has the role user"),
    ("sharegpt", {"conversations": [ASKED, {"from": "function_call", "value": "{}"}]}, "must be one of human, gpt"),
    ("sharegpt", {"conversations": [{"from": "user", "value": "x"}, SAID]}, "did you mean `human`?"),
    ("sharegpt-preference", {"rejected": ASKED}, "`rejected.from` is \"human\"; an answer is gpt's"),
    ("sharegpt-preference", {"conversations": [ASKED, SAID]}, "must end with a user"),
    ("alpaca-preference", {"rejected": "The Rhine."}, "all 2 answers are the same text"),
    ("openai-chat", {"messages": [USER, TOOL]}, "`messages[1].content` is null"),
    ("openai-preference", {"non_preferred_output": []}, "`non_preferred_output` is a list of 0; at least one message"),
    ("openai-preference", {"input": {"messages": [USER, RHINE]}}, "`input.messages` a prompt must end"),
    ("openai-preference", {"input": [USER]}, "`input` is a list of 1; an object is needed"),
    ("openai-preference", {"preferred_output": [RHINE, USER, RHINE]}, "holds 3 messages"),
    ("ms-swift", {"messages": [USER]}, "must end with the assistant's answer"),
    ("ms-swift", {"rejected_response": ["Etna."]}, "`rejected_response` is a list of 1; a text is needed"),
    ("nemo-rank", {"completions": ranks(0)}, "holds 1; a ranking needs at least two"),
    ("nemo-rank", {"completions": ranks(0, 1.5)}, "`completions[1].rank` is 1.5; a whole number"),
    ("nemo-rank", {"completions": ranks(0, True)}, "`completions[1].rank` is true"),
    ("nemo-rank", {"context": [RHINE]}, "no message has the role user"),
    ("nectar", {"prompt": "Name a river."}, "`prompt` must end with an empty line and Assistant:"),
    ("nectar", {"answers": [{"answer": "x"}, {"answer": "y", "rank": 1}]}, "`answers[0].rank` is missing"),
    ("scored-list", {"completions": scores(1, None)}, "only 1 of 2 answers have a number"),
    ("scored-list", {"completions": scores(1, "2")}, "`completions[1].score` is \"2\"; a number"),
    ("scored-list", {"completions": scores(1, False)}, "`completions[1].score` is false"),
    ("scored-list", {"completions": "none"}, "`completions` is \"none\"; a list is needed"),
    ("rated-list", {"ratings": [1]}, "2 generations, 2 models and 1 ratings differ"),
    ("ultrafeedback", {"completions": [{"response": "x", "annotations": {"honesty": {"Rating": "good"}}}] * 2},
     "`completions[0].annotations.honesty.Rating` is \"good\"; a number"),
    ("ultrafeedback", {"completions": []}, "holds 0"),
    ("ultrafeedback-binarized", {"chosen": [USER, RHINE, USER, RHINE]}, "differ before their last turn"),
    ("ultrafeedback-binarized", {"chosen": [USER], "rejected": [ETNA]}, "must end with the assistant's answer"),
    ("rewardbench", {"rejected": None}, "`rejected` is null"),
    ("rewardbench-2", {"rejected": []}, "`rejected` is a list of 0; at least one answer"),
    ("rewardbench-2", {"chosen": ["a", ""]}, "`chosen[1]` is"),
    ("arena", {"winner": "model_c"}, "did you mean `model_"),
    ("arena", {"conversation_b": [USER, RHINE, USER, RHINE]}, "must share all turns but the last answer"),
    ("alpacaeval-verdicts", {"preference": 3}, "it must be 0 or between 1 and 2"),
    ("alpacaeval-verdicts", {"preference": None}, "`preference` is null"),
    ("shp", {"labels": 2}, "`labels` is 2; it must be 1 for A or 0 for B"),
    ("shp", {"labels": True}, "`labels` is true"),
    ("helpsteer3", {"overall_preference": -4}, "it must be between -3 and 3"),
    ("helpsteer2", {"helpfulness": 5}, "`helpfulness` is 5; it must be between 0 and 4"),
    ("helpsteer2", {"prompt": "a\n<extra_id_1>Assistant\nb"}, "must end with a user"),
    ("summarize", {"choice": 2}, "`choice` is 2; it must be 0 or 1"),
    ("summarize", {"summaries": [{"text": "x"}]}, "holds 1; two are compared"),
    ("summarize", {"info": {}}, "`info.article` is missing"),
    ("oasst", turns({"message_id": "a", "role": "bot", "text": "x"}), "`prompt.replies[0].role` is \"bot\""),
    ("oasst", turns({"message_id": "a", "role": "assistant", "text": ""}), "`prompt.replies[0].text` is"),
    ("oasst", turns("a"), "`prompt.replies[0]` is \"a\"; an object is needed"),
    ("label-studio", shapes.studio(["z"]), "no item has this id"),
    ("label-studio", shapes.studio(["y", "y"]), "the item is named twice"),
    ("label-studio", {"data": {"items": shapes.ITEMS}}, "`data` has no field for the prompt"),
    ("label-studio", {"data": {"prompt": "x"}}, "`data` has 0 lists of items"),
    ("argilla", shapes.argilla([{"value": "reply", "rank": 1}]), "no field has this name"),
    ("argilla", shapes.argilla([{"value": "response-1", "rank": 1}]), "ranks 1 of 1 answers"),
    ("argilla", shapes.argilla(["response-1"]), "names without ranks, for the SDK's export loses them"),
    ("trl-kto", {"label": 1}, "`label` is 1; true or false is needed"),
    ("trl-kto-chat", {"completion": [USER]}, "an answer is the assistant's"),
    ("alpaca-kto", {"kto_tag": "true"}, "`kto_tag` is \"true\""),
    ("sharegpt-kto", {"conversations": []}, "`conversations` is a list of 0; at least one message"),
    ("trl-stepwise", {"labels": [True]}, "has 1 labels for 2 steps"),
    ("trl-stepwise", {"labels": [True, "yes"]}, "`labels[1]` is \"yes\""),
    ("trl-stepwise", {"completions": ["", "x"]}, "a step may not be empty"),
    ("concord-judgements", {"schema": "concord.judgement/2"}, "only concord.judgement/1 is known"),
    ("concord-judgements", {"unranked": [0]}, "must name what `tiers` does not, which is [2]"),
    ("concord-judgements", {"aspects": {"true": {"3": 1}}}, "`aspects.true.3` is \"3\"; positions run from 0 to 2"),
    ("concord-judgements", {"edits": {"0": ""}}, "`edits.0` is"),
    ("concord-judgements", {"active_seconds": -1}, "`active_seconds` is -1; it must be 0 or more"),
    ("concord-judgements", {"revision": 0}, "revisions are counted from 1"),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(BROKEN)), ids=lambda place: f"{BROKEN[place][0]}-{place}")
def test_a_broken_row_is_named_and_can_be_left_out(place: int, tmp_path: Path) -> None:
    name, change, reason = BROKEN[place]
    good, kind = SHAPES[name], FORMATS[name].kind
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, good | change, good)), encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        list(Passage(path, kind, format=name))
    message = str(caught.value)
    assert reason in message and f"{path}:2: " in message and "1 of 3 rows" in message
    passage = Passage(path, kind, skip_invalid=True)
    assert list(passage) and passage.notes.format == name
    assert passage.summary.startswith("3 rows = 2 kept + 1 skipped")
    rejected = json.loads((tmp_path / "rows.rejected.jsonl").read_text(encoding="utf-8"))
    assert rejected["line"] == 2 and rejected["reason"] in message
    assert json.loads(rejected["row"]) == good | change


JUNK = [
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    " ",
    "x",
    "\x00",
    "\ud83d",
    [],
    [[]],
    ["x"],
    [None],
    {},
    {"x": None},
    [{}],
    [{"id": []}],
]


def spoilt(value: Any) -> Iterator[Any]:
    """A value with each of its parts in turn replaced by junk, or left out."""
    yield from JUNK
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            yield from (value | {key: other} for other in spoilt(inner))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield [*value[:place], *value[place + 1 :]]
            yield from ([*value[:place], other, *value[place + 1 :]] for other in spoilt(inner))


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.read])
def test_whatever_stands_in_a_row_it_is_read_or_named(name: str) -> None:
    """No row makes a reader stumble: each is taken, or refused with a reason that says where."""
    one = FORMATS[name]
    readers = [one.reader(kind) for kind in (one.kind, *one.also)]
    faults = 0
    for row in spoilt(SHAPES[name]):
        if isinstance(row, dict):
            for read in filter(None, readers):
                try:
                    read(row, Notes(name))
                except Fault as fault:
                    faults += 1
                    assert fault.field and len(str(fault)) < 400 and str(fault).isprintable()
            one.likeness(row), one.fits(row)
    assert faults > 30
