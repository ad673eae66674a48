"""What a reviewer is told, and where the loop stands."""

from typing import Literal

from concord.annotation.told.work import Range, Task
from concord.annotation.values import Closed, Reason, When


class Node(Closed):
    """One part of the loop."""

    name: Literal["demonstrations", "sft", "samples", "rankings", "reward", "policy", "evaluation", "gate"]
    """Which."""
    count: int | None
    """How many there are of it, where that means anything."""
    state: Literal["done", "working", "waiting", "damaged", "unknown"]
    """How far it is."""
    note: str
    """A few words more; may be empty."""


class Day(Closed):
    """What was judged on one day."""

    day: str
    """As in 2026-01-31, UTC."""
    count: int
    """Judgements."""


class Overview(Closed):
    """The loop and what to do next."""

    loop: list[Node]
    """Its parts, in order."""
    done: int
    """Judgements that the tasks have."""
    total: int
    """Judgements that they need."""
    per_day: list[Day]
    """The last thirty days on which anything was judged."""
    advice: list[str]
    """What to do next, the most useful first."""


class Tally(Closed):
    """How many of how many."""

    right: int
    """As hoped for."""
    total: int
    """Of all."""


class Flag(Closed):
    """Something about an annotator that a reviewer may want to look at: a sign, not a verdict."""

    name: str
    """A word for it."""
    why: str
    """The numbers behind it."""


class AnnotatorLine(Closed):
    """How one annotator works."""

    name: str
    """A pseudonym."""
    judgements: int
    """Their latest answers, skips left out."""
    agreement: float | None
    """With the others on the same tasks."""
    gold: Tally
    """Certain pairs of gold tasks that they respected."""
    attention: Tally
    """Checks of attention that they passed."""
    self: Tally
    """Pairs of repeated tasks that they ordered as before."""
    first_share: float | None
    """How often the best was the one shown first."""
    tie_share: float | None
    """Share of pairs that they tied."""
    median_seconds: float | None
    """Active seconds a task."""
    flags: list[Flag]
    """What may be worth a look."""


class Hard(Closed):
    """A task on which people differ."""

    task: int
    """Its number, for reviewers."""
    prompt: str
    """How the prompt begins."""
    prompt_id: str
    """The prompt's own name."""
    disagreement: float
    """Share of pairs of people's comparisons that contradict each other."""


class Skipped(Closed):
    """A task that somebody passed over."""

    task: int
    """Its number, for reviewers."""
    prompt: str
    """How the prompt begins."""
    by: str
    """A pseudonym."""
    reason: str
    """Why, in their words."""


class TagAlpha(Closed):
    """Agreement on the prompts of one tag."""

    tag: str
    """The tag."""
    alpha: Range | None
    """Krippendorff's alpha; none while there is too little."""


class Agreement(Closed):
    """How far people agree, and on what they do not."""

    alpha: Range | None
    """Krippendorff's alpha; none while there is too little."""
    annotators: list[AnnotatorLine]
    """One row each."""
    matrix: list[list[float | None]]
    """Kendall's tau between each two, in the order of the rows."""
    hardest: list[Hard]
    """Where a reviewer's decision helps most."""
    skipped: list[Skipped]
    """What was passed over, the latest first."""
    tags: list[TagAlpha]
    """By tag."""


class Opinion(Closed):
    """One person's latest answer, as a reviewer sees it."""

    judgement: int
    """Its number."""
    by: str
    """A pseudonym."""
    revision: int
    """1 for the first answer."""
    at: When
    """When it was stored."""
    kind: Literal["work", "gold", "attention", "repeat", "adjudication"]
    """Why they were asked."""
    tiers: list[list[str]]
    """Best tier first, by the ids of the reviewer's view."""
    all_bad: bool
    """None of them is acceptable."""
    skip: str | None
    """Why it was not answered."""
    comment: str | None
    """A remark."""
    reason: Reason | None
    """Of an adjudication: why the others differed."""
    active_seconds: float | None
    """How long it took."""


class Opinions(Closed):
    """All that was said of one task."""

    task: Task
    """The reviewer's own blind view of it."""
    judgements: list[Opinion]
    """The latest of each person, every revision counted."""


class Pair(Closed):
    """Two models, compared blind."""

    a: str
    """One of them."""
    b: str
    """The other."""
    wins: int
    """Comparisons that `a` won."""
    ties: int
    """Comparisons without a winner."""
    losses: int
    """Comparisons that `b` won."""
    win_rate: float
    """Wins, and ties by half, of all."""
    low: float
    """Where it may lie at least."""
    high: float
    """Where it may lie at most."""


class Comparison(Closed):
    """Who is preferred to whom."""

    pairs: list[Pair]
    """Each two models that stood side by side."""
    n: int
    """Judgements counted."""
