"""Who answers better: the share of held-out prompts on which one policy's answer beats another's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from concord.evaluation.answers import Row, cells, lies_in, meetings, temperatures
from concord.evaluation.intervals import share

EQUAL = 1e-9
"""Scores of the judge that differ by less than this are a tie."""

REFERENCES = ("sft", "sft-same-budget")
"""Whom every other policy is measured against: imitation, and imitation with all of the guidance's budget."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How often `a` beats `b` on the same prompts; a tie is half a win."""

    a: str
    b: str
    temperature: float
    split: str | None
    kind: str | None
    win_rate: float
    low: float
    high: float
    n: int
    """Pairs of answers compared."""
    ties: int
    prompts: int
    """Different prompts among them: with several answers a prompt, only prompts are independent."""


def outcome(ours: Row, theirs: Row) -> float:
    """1 for a win, 0 for a loss, and a half for a tie."""
    gap = float(ours["gold"]) - float(theirs["gold"])
    if abs(gap) <= EQUAL:
        return 0.5
    return 1.0 if gap > 0 else 0.0


def between(rows: Sequence[Row], a: str, b: str, temperature: float) -> list[Comparison]:
    """Two policies at one temperature, over all prompts and over every split and kind."""
    pairs = [(ours, outcome(ours, theirs)) for ours, theirs in meetings(rows, a, b, temperature)]
    found = []
    for split, kind in cells([ours for ours, _ in pairs]):
        inside = [(ours["prompt_id"], value) for ours, value in pairs if lies_in(ours, (split, kind))]
        if not inside:
            continue
        prompts, values = [prompt for prompt, _ in inside], [value for _, value in inside]
        rate = share(values, prompts)
        value, low, high = rate["value"], rate["low"], rate["high"]
        assert value is not None and low is not None and high is not None, "pairs have a share"
        ties = sum(value == 0.5 for value in values)
        counts = (len(values), ties, len(set(prompts)))
        found.append(Comparison(a, b, temperature, split, kind, value, low, high, *counts))
    return found


def compare(rows: Sequence[Row], pairs: Iterable[tuple[str, str]]) -> list[Comparison]:
    """Every pair of policies at every temperature at which both answered."""
    return [
        comparison
        for a, b in pairs
        for temperature in temperatures(rows)
        for comparison in between(rows, a, b, temperature)
    ]


def usual_pairs(policies: Sequence[str], references: Sequence[str] = REFERENCES) -> list[tuple[str, str]]:
    """Every policy against each of the references that took part."""
    return [(a, b) for b in references if b in policies for a in policies if a != b]
