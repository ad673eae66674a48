"""The part of the page that shows how an AI judge compared: both orders, what could not be read, what it took."""

from typing import Any

from concord.evaluation.markup import escape, figure, paragraphs, percent, section, span, table

Report = dict[str, Any]
LEFT_OUT = (
    "It compares and gives no answer a score, so this page has no marks (ok, refused, unsafe), no mean score, no "
    "frontier, no curve of best-of-n, no judge's line in the training curves, and nothing of the reward model's "
    "accuracy on new answers."
)
"""What needs a number for each answer, and is not there without one."""


def judge(report: Report) -> str:
    """Who compared and how far to trust it, if an AI judge did."""
    found = report.get("judge")
    if not found:
        return ""
    rubric = f" by the rubric {found['rubric']}" if found["rubric"] else ""
    place = found["at"].partition("://")[2] or found["at"]  # the page itself names no address to go to
    note = (
        f"<p>{escape(found['name'])} at {escape(place)} compared the answers{escape(rubric)}, two at a time "
        "and in both orders. A verdict that turned with the order is a tie. Two answers with the same words are a tie "
        "that nobody judged. A reply that could not be read was asked again and then left out: no tie, no loss.</p>"
    )
    rows = [line(name, one) for name, one in found["policies"].items()]
    heads = ["policy", "compared", "left out", "same in both orders", "shown first won", "leaning to length"]
    drawn = table("What the judge did, policy by policy; small: 95 % intervals", heads, rows, "The AI judge")
    return section(
        "judge", "How it was judged", note, paragraphs(whole(found)), drawn, paragraphs([LEFT_OUT])
    )


def line(name: str, one: dict[str, Any]) -> list[str]:
    """The judge's work on one policy."""
    return [
        escape(name),
        f"{one['ranked']:,}",
        f"{one['left_out']:,}",
        *(share(one[field]) for field in ("position_consistency", "first_share")),
        f"{figure(one['length_slope']['value'])}"
        f"<small>{span(one['length_slope']['low'], one['length_slope']['high'], 1, 2)}</small>",
    ]


def share(one: dict[str, Any]) -> str:
    """A share with its interval."""
    return f"{percent(one['value'])}<small>{span(one['low'], one['high'])}</small>"


def whole(found: dict[str, Any]) -> list[str]:
    """All policies together, in sentences."""
    orders, asked = found["orders"], found["asked"]
    told = []
    if orders["consistent"]["value"] is not None:
        told.append(
            f"Its verdict was the same in both orders in {percent(orders['consistent']['value'])} of "
            f"{orders['both']:,} comparisons; the others count as ties. What was shown first won "
            f"{percent(orders['first']['value'])} of the time; 50 % is no leaning to the place."
        )
    told.append(
        f"{found['invalid_replies']:,} replies could not be read; {found['left_out']:,} comparisons were left out "
        "for it in the end. "
        f"{found['withheld_sentences']:,} sentences that spoke to the judge were withheld from it."
    )
    if asked:
        spent = f", at a cost of {asked['cost']:,.2f}" if asked["cost"] else ""
        told.append(
            f"It was asked {asked['questions']:,} questions of {asked['tokens_read']:,} tokens, and said "
            f"{asked['tokens_said']:,}{spent}."
        )
    return told
