"""Who answers better: the share of held-out prompts on which one policy's answer beats another's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from concord.evaluation.answers import Row, cells, lies_in, meetings, temperatures
from concord.evaluation.duels import verdict
from concord.evaluation.intervals import more_prompts, more_to_lead, share
from concord.settings.comparing import REFERENCES

HALF = 0.03
"""Half the width of the interval that is narrow enough to speak of single points."""


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
    more_to_lead: int | None = None
    """About how many more prompts would show which of the two is better; None if no number would."""
    more_to_narrow: int | None = None
    """About how many more would narrow the interval to 3 points on either side."""


def between(rows: Sequence[Row], a: str, b: str, temperature: float) -> list[Comparison]:
    """Two policies at one temperature, over all prompts and over every split and kind."""
    pairs = [
        (ours, value)
        for ours, theirs in meetings(rows, a, b, temperature)
        if (value := verdict(ours, theirs)) is not None
    ]
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
        count = len(set(prompts))
        more = more_to_lead(rate, count), more_prompts(rate, count, HALF)
        found.append(
            Comparison(a, b, temperature, split, kind, value, low, high, len(values), ties, count, *more)
        )
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
