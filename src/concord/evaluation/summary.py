"""Each policy in numbers: what the judge thinks, how often each mark was given, and how far it drifted."""

from collections.abc import Sequence
from dataclasses import dataclass

from concord.evaluation.answers import Row, cells, lies_in, marks, number, policies, temperatures
from concord.evaluation.intervals import Estimate, mean, share


@dataclass(frozen=True, slots=True)
class Summary:
    """One policy at one temperature on one slice of the held-out prompts."""

    policy: str
    temperature: float
    split: str | None
    kind: str | None
    n: int
    gold: Estimate
    proxy: Estimate
    """What the reward model thinks, where it was asked."""
    kl: Estimate
    """Nats by which an answer drifted from the supervised policy."""
    words: Estimate
    cut: Estimate
    """Share of answers that were cut off at the greatest length."""
    marks: dict[str, Estimate]
    """Share of answers that earned each mark."""


def mean_of(rows: Sequence[Row], field: str) -> Estimate:
    """The mean of a field over the answers that have it, clustered by prompt."""
    found = [(number(row.get(field)), row["prompt_id"]) for row in rows]
    kept = [(value, prompt) for value, prompt in found if value is not None]
    return mean([value for value, _ in kept], [prompt for _, prompt in kept])


def share_with(rows: Sequence[Row], mark: str) -> Estimate:
    """The share of answers with a mark, among those that the judge looked at for it."""
    found = [((row.get("marks") or {}).get(mark), row["prompt_id"]) for row in rows]
    kept = [(float(value), prompt) for value, prompt in found if value is not None]
    return share([value for value, _ in kept], [prompt for _, prompt in kept])


def cut_off(rows: Sequence[Row]) -> Estimate:
    """The share of answers that ran into the limit of length."""
    kept = [(float(row["finish"] == "length"), row["prompt_id"]) for row in rows if row.get("finish")]
    return share([value for value, _ in kept], [prompt for _, prompt in kept])


def summary(
    rows: Sequence[Row], policy: str, temperature: float, split: str | None, kind: str | None
) -> Summary:
    """The numbers of one slice, from its answers."""
    return Summary(
        policy=policy,
        temperature=temperature,
        split=split,
        kind=kind,
        n=len(rows),
        gold=mean_of(rows, "gold"),
        proxy=mean_of(rows, "proxy"),
        kl=mean_of(rows, "kl"),
        words=mean_of(rows, "words"),
        cut=cut_off(rows),
        marks={mark: share_with(rows, mark) for mark in marks(rows)},
    )


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Every policy at every temperature on every slice that holds an answer."""
    slices = list(cells(rows))
    found = []
    for policy in policies(rows):
        for temperature in temperatures(rows):
            own = [row for row in rows if row["policy"] == policy and row["temperature"] == temperature]
            for split, kind in slices:
                inside = [row for row in own if lies_in(row, (split, kind))]
                if inside:
                    found.append(summary(inside, policy, temperature, split, kind))
    return found
