"""The report as one page that opens anywhere: no network, no script, nothing outside the file."""

from importlib.resources import files
from typing import Any

from concord.evaluation import exhibits, graphs, looks
from concord.evaluation.markup import escape, figure, paragraphs, percent, section, span

Report = dict[str, Any]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page may do: look like something. It may load, run and send nothing."""

STATES = {
    "pass": ("\N{CHECK MARK}", "passed"),
    "fail": ("\N{BALLOT X}", "missed"),
    "inconclusive": ("?", "open"),
}

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


def page(report: Report) -> str:
    """A report as HTML; the same report gives the same bytes."""
    parts = (
        verdict(report),
        loop(report),
        exhibits.replies(report),
        exhibits.win_rates(report),
        exhibits.by_kind(report),
        exhibits.everyone(report),
        graphs.training(report),
        looks.looks(report),
        graphs.pursuit(report),
        graphs.reward_model(report),
        exhibits.lost(report),
        graphs.costs(report),
        following(report),
        terms(report),
    )
    style = (files("concord.evaluation") / "report.css").read_text(encoding="utf-8")
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(report['title'])}</title>\n<style>\n{style}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def verdict(report: Report) -> str:
    """The first thing to read: may it go, and why."""
    found = report["verdict"]
    name = escape(report["candidate"])
    if found is None:
        state, words = "open", f"No gate was asked about {name}."
    elif found["go"]:
        state, words = "go", f"GO: {name} showed all that was asked of it."
    else:
        states = [item["state"] for item in found["criteria"]]
        missed, opened = states.count("fail"), states.count("inconclusive")
        state, words = "stop", f"NO-GO: {name} {shortfall(missed, opened, len(states))}"
    items = "".join(asked(item) for item in (found or {}).get("criteria", []))
    rows = f'<ul class="criteria">{items}</ul>' if items else ""
    because = (found or {}).get("because") or []
    if because:
        rows += f"<details><summary>In full sentences</summary>{paragraphs(because)}</details>"
    top = f'<p class="run">{escape(report["title"])}</p><h1>{words}</h1>'
    return f'<header class="{state}">{top}<p class="lead">{headline(report)}</p>{rows}</header>'


def shortfall(missed: int, opened: int, total: int) -> str:
    """What kept a candidate from passing, in words."""
    left = f"{opened} {'is' if opened == 1 else 'are'} still open"
    if missed:
        return f"missed {missed} of {total} criteria" + (f", and {left}." if opened else ".")
    return f"missed none of {total} criteria, but {left}."


def headline(report: Report) -> str:
    """The main result in one sentence."""
    split = "new" if "new" in report["splits"] else None
    wanted = (report["candidate"], report["temperature"], split, None)
    found = {
        item["b"]: item
        for item in report["comparisons"]
        if (item["a"], item["temperature"], item["split"], item["kind"]) == wanted
    }
    if not found:
        return "Nothing was compared."
    where = "about things that nobody had annotated" if split else "that no stage had seen"
    wins = " and ".join(
        f"{escape(b)} in {percent(item['win_rate'])} [{span(item['low'], item['high'])}]"
        for b, item in found.items()
    )
    return f"On prompts {where}, its answers beat those of {wins}. 50 % would be no difference."


def asked(item: dict[str, Any]) -> str:
    """One question of the gate as a line."""
    sign, word = STATES[item["state"]]
    kl = item["name"] == "kl"
    value, need = (figure(item[name]) if kl else percent(item[name], 1) for name in ("value", "need"))
    value = value if item["value"] is not None else "not measured"
    reach = span(item["low"], item["high"], *((1, 2) if kl else (100, 1)))
    more = f"; about {item['more_needed']:,} more would settle it" if item.get("more_needed") else ""
    title = escape(item.get("title", item["name"]))
    limit = f"{item.get('direction', 'need')} {need}"
    return (
        f'<li class="{item["state"]}"><span class="sign" aria-hidden="true">{sign}</span>'
        f'<span class="question">{title}<small>{word}; asked for {escape(limit)}{more}</small></span>'
        f'<span class="value">{value}<small>{reach}</small></span></li>'
    )


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
    assumed = [
        "Nothing learned from the judge. It is one judge: what it cannot see, this page cannot show.",
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
    noted = {name: value for name, value in what.items() if name != "starter"}
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
