"""Which numbers of a stage stand together in one chart, in which order, and what they are called."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """One line of a chart."""

    name: str
    """As it stands in metrics.jsonl."""
    label: str
    error: str | None = None
    """The name of its standard error, if one is written down beside it."""


@dataclass(frozen=True)
class Panel:
    """One chart."""

    title: str
    unit: str
    about: str
    """A sentence for whoever has not seen it before."""
    series: tuple[Series, ...]
    beside: str = ""
    """The number that has to be there too, for these to mean what the title says."""


def panel(title: str, unit: str, about: str, *names: tuple[str, ...], beside: str = "") -> Panel:
    """A chart of these numbers."""
    return Panel(title, unit, about, tuple(Series(*one) for one in names), beside)


KNOWN = (
    panel("Reward", "", "What the scorer gives the policy's answers: the proxy.", ("score", "proxy")),
    panel("Drift", "nats", "How far the policy has gone from its reference.", ("kl", "KL", "kl_error")),
    panel("Length", "tokens", "Tokens of an answer.", ("length", "length")),
    panel(
        "Entropy",
        "nats a token",
        "How undecided the policy is; near nothing it says one thing only.",
        ("entropy", "entropy"),
        ("surprise", "of its answers"),
        beside="score",
    ),
    panel(
        "Accuracy", "", "Share of pairs that are ordered as people ordered them.", ("accuracy", "accuracy")
    ),
    panel("Margin", "", "How far better and worse answers lie apart.", ("margin", "margin")),
    panel(
        "Spread of rewards",
        "",
        "Standard deviation of a round's rewards, and of those of one prompt.",
        ("score_spread", "of all"),
        ("group_spread", "of one prompt"),
    ),
    panel(
        "Answers",
        "share",
        "Answers that were cut off, words that repeat, and how far answers to one prompt differ.",
        ("truncated", "cut off"),
        ("repeated", "repeated"),
        ("distinct", "distinct"),
        ("tied", "scored alike"),
    ),
    panel(
        "What rewards lean on",
        "",
        "Pearson's correlation of rewards with habits of the text, within a prompt.",
        ("lean.*", ""),
    ),
    panel(
        "Agreement",
        "",
        "Of the policy with people's rankings that were kept back.",
        ("watch.agreement", "agreement"),
    ),
    panel("Clip fraction", "", "Share of tokens whose step was cut short.", ("clipped", "clipped")),
    panel(
        "Explained variance",
        "",
        "How much of what follows the critic foresees: 1 all of it, 0 nothing.",
        ("explained", "explained"),
    ),
    panel("Gradient norm", "", "How steep the loss is, before clipping.", ("grad_norm.*", "")),
    panel(
        "Loss",
        "",
        "What the optimiser lowers.",
        ("loss", "loss"),
        ("value_loss", "value"),
        ("surprise", "surprise"),
    ),
    panel(
        "Mismatch",
        "nats a token",
        "How far sampler and learner disagree on one token's log-probability.",
        ("mismatch", "mismatch"),
        ("moved", "moved"),
    ),
    panel("Learning rate", "", "As scheduled.", ("rate.*", "")),
    panel("Price of drift", "", "What a nat of drift costs.", ("price", "price")),
    panel("Speed", "tokens/s", "Tokens learned from in a second.", ("tokens_per_second", "tokens/s")),
    panel("Memory", "MB", "The most that was held so far.", ("memory_mb", "memory")),
    panel(
        "Steps not learned", "", "1 where a step was left out, for it was not finite.", ("skipped", "skipped")
    ),
)
UNSHOWN = frozenset({"seconds", "round", "tokens", "kl_error", "watch.gold", "watch.proxy", "watch.kl"})
"""What stands elsewhere on the page, or belongs to another number."""


def panels(names: Iterable[str]) -> list[Panel]:
    """The charts for these numbers, those that are not known each in one of its own, at the end."""
    left = dict.fromkeys(name for name in names if name not in UNSHOWN)
    present = set(names)
    found = []
    for one in KNOWN:
        fits = not one.beside or one.beside in present
        lines = [line for series in one.series for line in matching(series, left)] if fits else []
        for line in lines:
            left.pop(line.name, None)
        if lines:
            kept = tuple(
                Series(line.name, line.label, line.error if line.error in present else None) for line in lines
            )
            found.append(Panel(one.title, one.unit, one.about, kept))
    return [*found, *(Panel(name, "", "", (Series(name, name),)) for name in sorted(left))]


def matching(series: Series, names: Iterable[str]) -> list[Series]:
    """A series, or all that its name stands for: `rate.*` for one of each network."""
    if not series.name.endswith("*"):
        return [series] if series.name in names else []
    start = series.name.removesuffix("*")
    return [Series(name, name.removeprefix(start)) for name in sorted(names) if name.startswith(start)]
