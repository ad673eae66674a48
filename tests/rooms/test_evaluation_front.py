"""The first page and the lineage as HTML: whole, safe whatever it is given, and readable without colours."""

import re
from typing import Any

import pytest
from tests.rooms.test_evaluation_report import few, read

from concord.evaluation import page, report
from concord.evaluation.gate import weigh
from concord.evaluation.intervals import wilson
from concord.evaluation.measured import MISSING, Measured
from concord.evaluation.memo import memo
from concord.evaluation.page import SECTIONS
from concord.evaluation.pedigree import layers, places
from concord.settings import Accepted, Criterion, Gate

ATTACK = (
    "</text></svg><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' \u202eevil\x00\ud800"
)
CHAIN = {
    "given-0": (),
    "given-1": (),
    "sft": ("given-0",),
    "sample": ("sft", "given-1"),
    "rank": ("sample",),
    "reward": ("sft", "rank"),
    "align": ("sft", "reward", "given-1"),
    "given-2": (),
    "judge": (),
    "evaluate": ("sft", "align", "given-2", "judge"),
}


def artefacts(mark: str = "") -> list[dict[str, Any]]:
    """The lineage of a run; every title carries the mark."""
    return [
        {
            **{"name": name, "title": f"{'held-out ' if name == 'given-2' else ''}{name}{mark}: file{mark}"},
            **{"sort": f"data{mark}", "sha256": f"{place:064x}", "from": list(made), "files": {}},
        }
        for place, (name, made) in enumerate(CHAIN.items())
    ]


def content(gate: Gate, mark: str = "") -> dict[str, Any]:
    """A report with everything that the gate adds to it."""
    found = report({"rows": few(16), "candidate": "ppo", "title": f"run{mark}"})
    measured = Measured("ppo", "sft", 1.0, found["comparisons"], found["summaries"])
    found["verdict"] = weigh(gate, measured)
    found["lineage"] = {
        "artefacts": artefacts(mark),
        "chains": [
            {"policy": f"ppo{mark}", "artefact": "align", "reward_model": "reward", "labels": ["rank"]}
        ],
    }
    found["labels"] = [
        {
            **{"what": f"rankings{mark}", "n": 9, "sources": {f"people{mark}": 9}, "taught": ["reward"]},
            **{"by": [{"name": f"annotator-{n}{mark}", "n": 1} for n in range(14)], "simulated": False},
            "guidelines": [f"version 1{mark}"],
        }
    ]
    found["memo"] = memo(found, measured, None)
    return found


def gate(mark: str = "") -> Gate:
    """A gate whose own words carry the mark."""
    return Gate(
        win_rate=0.999,
        criteria={"x": Criterion(metric="garbled", at_most=0.0, title=f"never babbles{mark}")},
        accept={"x": Accepted(by=f"Ada{mark}", reason=f"it is rare{mark}")},
    )


@pytest.mark.slow
def test_words_of_recipes_files_and_people_stay_words() -> None:
    html = page(content(gate(ATTACK.removesuffix("\ud800")), ATTACK))
    reader = read(html)
    assert "alert(1)&lt;/script&gt;" in html and "\u202e" not in html and "\x00" not in html
    inside = [tag for tag, _ in reader.tags if tag not in ("meta", "html", "head", "title", "style", "body")]
    assert {"header", "svg", "table"} <= set(inside)
    html.encode("utf-8")


def test_the_first_page_is_the_memo_and_says_it_without_colours() -> None:
    html = page(content(gate()))
    front = html[html.index('<header id="memo"') : html.index("</header>")]
    words = re.sub(r"<[^>]*>", " ", front)
    for part in ("NO-GO", "ppo must not be released", "missed; asked for", "What improves", "What worsens"):
        assert part in words
    for part in (
        "What is unknown",
        "Who accepts which risk",
        "Ada accepts: never babbles",
        "What to do next",
    ):
        assert part in words
    assert front.index("missed; asked") < front.index("What improves") < front.index("What is unknown")
    assert "accepted by Ada because it is rare" in words
    assert "@page" in html and "break-after: page" in html


def test_a_first_page_of_many_criteria_stays_one_page() -> None:
    """Three misses are spelled out, five and six lines stand in the lists, and the others are counted."""
    missed = {f"m{n}": Criterion(metric="garbled", at_most=0.0, title=f"miss {n}") for n in range(12)}
    passed = {f"p{n}": Criterion(metric="ok", at_least=0.0, title=f"pass {n}") for n in range(12)}
    found = content(Gate(win_rate=0.0, kl=9.0, criteria={**missed, **passed}))
    states = [one["state"] for one in found["verdict"]["criteria"]]
    assert states.count("pass") == 14 and len(states) == 26
    html = page(found)
    front = html[html.index('<header id="memo"') : html.index("</header>")]
    assert (front.count('<li class="fail">'), front.count('<li class="pass">')) == (5, 6)
    assert "and 7 more, further below" in front and "and 8 more, further below" in front
    assert "9 more of the criteria are like this." in front
    assert all(f"miss {n}" in html for n in range(5)) and html.count("Pass 11 is") == 1


@pytest.mark.parametrize(
    ("accept", "words"),
    [({}, "GO"), ({"x": Accepted(by="Ada", reason="y")}, "GO WITH ACCEPTED RISK")],
)
def test_a_go_names_whoever_took_a_risk(accept: dict[str, Accepted], words: str) -> None:
    asked = Criterion(metric="suites.a.b", at_most=0.1, required=False)
    loose = Gate(win_rate=0.0, kl=9.0, criteria={"x": asked}, accept=accept)
    html = page(content(loose))
    assert f"<span class='stamp'>{words}</span> ppo may be released" in html
    assert ("Nobody has accepted a risk." in html) is not bool(accept)


def test_what_was_made_stands_below_what_it_was_made_from() -> None:
    known = {one["name"]: one for one in artefacts()}
    depth = layers(list(known), known)
    assert all(depth[other] < depth[name] for name, one in known.items() for other in one["from"])
    assert (
        depth["given-2"] == depth["judge"] == depth["align"]
    )  # what is given stands just above its first use
    middle = places(list(known), depth)
    assert len(set(middle.values())) == len(middle)
    assert {middle[name][0] for name in ("sft", "sample", "rank", "reward", "align", "evaluate")} == {190}


@pytest.mark.slow
def test_only_what_the_candidate_rests_on_is_drawn() -> None:
    found = content(gate())
    found["lineage"]["artefacts"].insert(
        3, {**artefacts()[0], "name": "rivals/dpo", "title": "policy dpo", "from": ["sft"]}
    )
    html = page(found)
    drawn = html[html.index('<svg class="lineage"') : html.index("</svg>")]
    assert "policy dpo" not in drawn and ">policy dpo<" in html
    assert drawn.count("<rect") == len(CHAIN)


@pytest.mark.slow
def test_many_annotators_are_counted_where_they_are_not_named() -> None:
    html = page(content(gate()))
    assert "annotator-11 1" in html and "annotator-12 1" not in html and "and 2 others with 2" in html


def test_a_section_is_a_function_of_the_report_and_may_have_nothing_to_say() -> None:
    bare = report({"rows": few(8)})
    assert all(isinstance(one(bare), str) for one in SECTIONS)
    assert SECTIONS[0](bare).startswith("<header")


def test_marks_improve_or_worsen_by_their_direction_kind_by_kind() -> None:
    """18 of 20 to 2 of 20 is clear beside two kinds; refusing is good for harm, and bad where a criterion says so."""

    def rate(count: int) -> dict[str, Any]:
        low, high = wilson(count, 20)
        return {"value": count / 20, "low": low, "high": high, "n": 20}

    slices = {"temperature": 1.0, "split": None, "kl": MISSING}
    summaries = [
        {**slices, "policy": policy, "kind": kind, "marks": {"refused": rate(count), "ok": rate(count)}}
        for policy, kind, count in (
            ("sft", "harm", 18),
            ("ppo", "harm", 2),
            ("sft", "lookalike", 18),
            ("ppo", "lookalike", 2),
        )
    ]
    found = Measured("ppo", "sft", 1.0, [], summaries)
    asked = Gate(at_least={"harm.refused": 0.9}, at_most={"lookalike.refused": 0.9})
    verdict = weigh(asked, found)
    told = memo({"verdict": verdict, "next": [], "candidate": "ppo"}, found, None)
    assert told["improves"] == [
        "It refuses 10.0 % of harmless requests that only look harmful; sft refuses 90.0 %."
    ]
    assert sorted(told["worsens"]) == [
        "It answers 10.0 % of harmful requests well; sft 90.0 %.",
        "It answers 10.0 % of harmless requests that only look harmful well; sft 90.0 %.",
        "It refuses 10.0 % of harmful requests; sft refuses 90.0 %.",
    ]
