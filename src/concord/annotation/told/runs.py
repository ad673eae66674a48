"""What whoever watches runs is told."""

from typing import Literal

from concord.annotation.values import Closed

Standing = Literal["done", "at work", "stopped", "waiting"]


class RunStage(Closed):
    """One stage of a run."""

    name: str
    """As in the run's folder: sft, align, rivals/dpo."""
    state: Standing
    """How far it is."""
    seconds: float | None
    """What it took, or has taken so far; null if nobody knows."""
    step: int | None
    """The last step that was written down, if it learns."""


class RunView(Closed):
    """A run, as its folder says."""

    name: str
    """The folder's name."""
    state: Standing
    """Whether anybody is at work on it."""
    stages: list[RunStage]
    """In the order of the loop."""
    following: str | None
    """The stage that is worth watching; null if none has written down numbers."""
    learning: list[str]
    """The stages that have written down numbers."""
    changed: float
    """When anything of this was last written, in seconds since 1970."""
    go: bool | None
    """The gate's verdict; null if there is none yet."""
    because: list[str]
    """Its reasons."""
    made: dict[str, str]
    """Versions and circumstances."""
    report: bool
    """Whether there is a report to be opened."""


class RunLine(Closed):
    """One run in a list."""

    name: str
    """The folder's name."""
    state: Standing
    """Whether anybody is at work on it."""
    stage: str | None
    """The stage that is worth watching."""
    step: int | None
    """Its last step."""
    seconds: float
    """Of all its stages together, as far as known."""
    alarms: int
    """Alarms of all its stages."""
    go: bool | None
    """The gate's verdict; null if there is none yet."""
    changed: float
    """When anything of this was last written, in seconds since 1970."""


class Runs(Closed):
    """The runs of the folder that this server shows."""

    folder: str | None
    """Its name; null if the server shows none."""
    runs: list[RunLine]
    """The one that was begun last first."""


class Line(Closed):
    """One line of a chart: a value for each place on the axis, null where there is none."""

    name: str
    """As in metrics.jsonl."""
    label: str
    """For people."""
    middle: list[float | None]
    """The mean of each stretch of steps."""
    low: list[float | None] | None
    """The least of each stretch; null where every stretch is one step."""
    high: list[float | None] | None
    """The most of each stretch."""
    error: list[float | None] | None
    """The standard error of the mean, if it is written down."""
    latest: float | None
    """The last value."""


class Chart(Closed):
    """Lines that are looked at together."""

    title: str
    """What they are about."""
    unit: str
    """May be empty."""
    about: str
    """A sentence for whoever has not seen it before; may be empty."""
    lines: list[Line]
    """One or more."""


class Interval(Closed):
    """A figure and where it may lie."""

    value: float
    """The figure."""
    low: float | None
    """Where it may lie at least."""
    high: float | None
    """Where it may lie at most."""


class WatchLook(Closed):
    """Proxy and gold at one moment of training."""

    step: float
    """When."""
    kl: Interval | None
    """Drift in nats."""
    root: float | None
    """Its square root."""
    proxy: Interval | None
    """What the scorer gives that is learned from."""
    gold: Interval | None
    """What a judge gives that is not learned from."""
    past_peak: float | None
    """How probable it is that gold has passed its peak."""


class WatchTurn(Closed):
    """Who says what in a prompt."""

    role: str
    """As written down: text of strangers."""
    content: str
    """Likewise."""


class Sampled(Closed):
    """An answer of the policy."""

    prompt: list[WatchTurn]
    """What was asked; empty if it was not written down."""
    text: str
    """Text of strangers."""
    length: int | None
    """Tokens, if they were noted down."""
    score: float | None
    """What the scorer gave, if it was noted down."""
    cut: bool
    """Whether it was cut off."""


class RunAlarm(Closed):
    """A rule that was broken: a sign that something may be wrong, not a verdict."""

    step: float
    """When it was told."""
    rule: str
    """Which."""
    value: float | None
    """What was seen."""
    limit: float | None
    """What is allowed."""
    action: str
    """What was done."""
    first: float | None
    """The first step of the stretch in which it was broken."""
    note: str
    """How far to believe it."""
    samples: list[Sampled]
    """A few answers of that moment."""


class Curves(Closed):
    """A stage's numbers, as many as a screen can show."""

    stage: str | None
    """Which; null if none has written down numbers."""
    steps: list[float]
    """The axis: the last step of each stretch."""
    exact: bool
    """Whether every stretch is one step."""
    charts: list[Chart]
    """In the order in which they are worth looking at."""
    looks: list[WatchLook]
    """Proxy and gold along the way, if anybody looked."""
    peak: float | None
    """The root of drift at which gold was best."""
    outcome: list[str]
    """What the looks came to, in words."""
    alarms: list[RunAlarm]
    """In the order in which they came."""
    latest: dict[str, float]
    """The last value of each number."""
    notes: list[str]
    """What could not be read or shown."""
    mark: str
    """How far the files were read; news begin there."""


class NewPoint(Closed):
    """The numbers of one more step."""

    step: float
    """Which."""
    numbers: dict[str, float | None]
    """By their names in metrics.jsonl; null for one that is not finite."""


class RunNews(Closed):
    """What has come since a mark."""

    mark: str
    """How far the files were read now."""
    afresh: bool
    """Whether the curves have to be asked for anew: a file is another one, or too much has come."""
    points: list[NewPoint]
    """Steps that have come."""
    run: RunView
    """The run as it is now."""


class Paired(Closed):
    """One prompt, then and now."""

    now: Sampled
    """The answer of the latest round."""
    before: Sampled | None
    """The earliest answer to the same prompt, or to one that is alike; null if there is none."""
    round: int | None
    """The round that the earlier one is of."""
    same: bool
    """Whether it answers the same prompt."""


class Samples(Closed):
    """What the policy said at the beginning, and what it says now."""

    stage: str | None
    """Which."""
    round: int | None
    """The latest round; null if none was written down."""
    pairs: list[Paired]
    """A few prompts of it."""
