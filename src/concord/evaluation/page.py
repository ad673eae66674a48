"""The report as one page that opens anywhere: no network, no script, nothing outside the file."""

from collections.abc import Callable
from typing import Any

from concord.evaluation import (
    exhibits,
    front,
    graphs,
    judge_page,
    looks,
    pedigree,
    reward_page,
    standings,
    suites_page,
)
from concord.evaluation.document import document
from concord.evaluation.markup import escape, paragraphs, section

Report = dict[str, Any]

STEPS = (
    ("demonstrations", "Demonstrate", "People write good answers.", "demonstrations"),
    ("sft", "Imitate", "The model learns to write like them.", ""),
    ("sample", "Sample", "It answers prompts, several times each.", "prompts"),
    ("rank", "Rank", "People say which answers are better.", "rankings"),
    ("reward", "Reward model", "A second model learns to predict their choice.", ""),
    ("align", "Align", "The policy practises and is scored by it.", ""),
    ("evaluate", "Evaluate", "All policies meet on prompts never seen.", "held_out"),
    ("gate", "Gate", "Only what is shown may leave the house.", ""),
)
"""The loop, in the words of the command line and in plain ones."""


def comparison(found: Report) -> str:
    """The comparison of models from files as a page of its own."""
    words = f"{len(found['models'])} models on {found['prompts']:,} prompts"
    head = (
        f'<header class="open"><p class="run">{escape(found["files"])}</p><h1>{words}</h1>'
        f"{paragraphs(found['told'])}</header>"
    )
    parts = (head, standings.raw(found), standings.comparisons(found))
    return document(words, "\n".join(part for part in parts if part))


def loop(report: Report) -> str:
    """The loop as a drawing, with this run's counts."""
    what = report["what"]
    cards = []
    for place, (name, title, words, count) in enumerate(STEPS, start=1):
        number = what.get(count) if count else None
        if name == "align":
            number = report["candidate"] if report["candidate"] != report["reference"] else None
        shown = f"{number:,}" if isinstance(number, int) else escape(number or "")
        size = f'<span class="count">{shown}</span>' if shown else ""
        cards.append(f'<li class="step s{place}"><b>{title}</b>{size}<span>{words}</span></li>')
    note = (
        "<p>A language model learns from text to continue text. To make it helpful, honest and harmless, "
        "people show it what they want, and then tell it what they prefer. This is the loop:</p>"
    )
    words = "\N{CLOCKWISE OPEN CIRCLE ARROW} Then again, with people ranking what the new policy says."
    drawn = f'<ol class="loop">{"".join(cards)}</ol><p class="again">{words}</p>'
    return section("loop", "What was done", note, drawn)


def following(report: Report) -> str:
    """What to do next."""
    items = "".join(f"<li>{escape(step)}</li>" for step in report["next"])
    return section("next", "What to do next", f"<ol>{items}</ol>" if items else "")


def terms(report: Report) -> str:
    """What this rests on, said plainly, and everything that was noted about the run."""
    what = report["what"]
    waiver = what.get("waiver")
    judge = f"Beware: {waiver}" if waiver else "Nothing learned from the judge."
    assumed = [
        f"{judge} It is one judge: what it cannot see, this page cannot show.",
        "Intervals are 95 %: Wilson's for shares, and clustered by prompt wherever a prompt was answered or "
        "compared more than once. They cover the choice of prompts and samples, not another training with "
        "another seed.",
        "Policies answered with independent seeds.",
    ]
    if what.get("starter"):
        assumed.insert(
            0,
            "This is the starter world: a small town in plain English, with a program as judge and "
            "programs as people. In it, people recognise a good answer better than they demonstrate one. "
            "That is built in, it is what makes rankings worth their price, and it need not hold for your "
            "people.",
        )
    if any(seen["found"].get("asked", {}).get("judge") for seen in report["watch"].values()):
        assumed.append(
            "A judge watched the policies while they learned, on prompts of its own that nothing learned from. If it "
            "is the same judge, it had a say in when learning ended, and in nothing else."
        )
    if "sft-same-budget" in report["policies"]:
        assumed.append(
            "sft-same-budget prices one ranking of several answers as one demonstration. If a ranking "
            "costs your people less time than writing an answer, rankings are cheaper than shown here; if "
            "more, dearer."
        )
    items = "".join(f"<li>{escape(text)}</li>" for text in assumed)
    noted = {name: value for name, value in what.items() if name != "starter" and value not in (None, {})}
    lines = ((escape(label(name)), escape(fact(value))) for name, value in noted.items())
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in lines)
    listed = f"<h3>This run</h3><dl>{facts}</dl>" if facts else ""
    return section("terms", "What this rests on", f"<ul>{items}</ul>", listed)


def label(name: str) -> str:
    """The name of a fact in words."""
    return name.replace("_", " ")


def fact(value: Any) -> str:
    """The value of a fact in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {fact(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


SECTIONS: tuple[Callable[[Report], str], ...] = (
    front.memo,
    pedigree.labels,
    pedigree.lineage,
    front.in_full,
    loop,
    exhibits.replies,
    exhibits.win_rates,
    judge_page.judge,
    exhibits.by_kind,
    exhibits.everyone,
    standings.comparisons,
    suites_page.suites,
    graphs.training,
    looks.looks,
    graphs.pursuit,
    graphs.reward_model,
    lambda report: reward_page.reward_card(report.get("reward_card")),
    exhibits.lost,
    graphs.costs,
    following,
    terms,
)
"""The page from top to bottom: each part is a function of the report, and says nothing if it has nothing to show."""


def page(report: Report) -> str:
    """A report as HTML; the same report gives the same bytes."""
    return document(report["title"], "\n".join(part for part in (one(report) for one in SECTIONS) if part))
