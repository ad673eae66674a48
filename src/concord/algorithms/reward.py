"""Reward model: find the scores under which people's rankings and ratings are least surprising.

The network reads prompt and completion and gives one number, or one for each aspect. Rankings fix only
differences between scores, so a weak pull keeps each list's mean near 0. A ranking counts by its weight. Where it
tells chances, Bradley-Terry learns those instead of its tiers; the other readings learn the tiers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches import Lists, collate
from concord.batches.collate import Candidate
from concord.batches.opinions import Opinions, Rated, Shelves, opinions, ratings
from concord.maths.pointwise import centred, hinge, rater_squared_error, squared_error
from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_apart,
    centring,
    davidson,
    listnet,
    pair_accuracy,
    plackett_luce,
    ranknet,
    soft_bradley_terry,
)
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Ranking, Rating
from concord.settings import Reward
from concord.training import Loss


class Habits(nn.Module):
    """What is the judges' own and not the answers': how readily they tie, and who rates high."""

    def __init__(self, raters: int) -> None:
        super().__init__()
        self.tie = nn.Parameter(torch.zeros(()))
        """log nu of Davidson's model."""
        self.leanings = nn.Parameter(torch.zeros(raters))
        """How far above the others each rater's numbers lie."""


Surprise = Callable[[Tensor, Tensor], Tensor]
SURPRISE: dict[str, Callable[[Reward, Habits], Surprise]] = {
    "bradley-terry": lambda settings, habits: bradley_terry,
    "bradley-terry-margin": lambda settings, habits: partial(bradley_terry_apart, margin=settings.margin),
    "plackett-luce": lambda settings, habits: plackett_luce,
    "davidson": lambda settings, habits: partial(davidson, tie=habits.tie),
    "ranknet": lambda settings, habits: ranknet,
    "listnet": lambda settings, habits: listnet,
}
"""How a ranking is read: each a formula of scores and tiers."""
FROM_TIES = ("davidson", "ranknet")
"""Readings that learn from ties, and so from rankings that are nothing but a tie."""
HASTE = 20.0
"""How much faster than the network the judges' habits learn: a few numbers that all rows share."""


@dataclass
class RewardObjective:
    """How surprising the rankings are, and how far off the ratings, under the model's scores."""

    model: RewardModel
    settings: Reward
    habits: Habits = field(default_factory=lambda: Habits(1))
    rated: Rated | None = None

    def __call__(self, batch: Lists) -> Loss:
        batch = batch.to(self.model.compute.device)
        scores, tiers = self.scores(batch), batch.tiers
        surprise = self.surprise(scores, batch)
        offset = centring(scores, tiers)
        counts = {"tokens": batch.sequences.size}
        accuracy = pair_accuracy(scores.detach(), tiers)
        rated = ~batch.values.isnan() if isinstance(batch, Opinions) else None
        if rated is None or not bool(rated.any()):
            mean, pull = batch.weighed(surprise).mean(), batch.weighed(offset).mean()
            notes = {"surprise": mean, "accuracy": accuracy.mean()}
            return Loss(mean + self.settings.centring * pull, notes, counts)
        assert isinstance(batch, Opinions)
        error = self.error(scores[:, 0], batch)
        whole = torch.where(
            rated, self.settings.ratings.weight * error, surprise + self.settings.centring * offset
        )
        notes = {"error": error[rated].mean()}
        if not bool(rated.all()):
            notes |= {"surprise": surprise[~rated].mean(), "accuracy": accuracy[~rated].mean()}
        return Loss(batch.weighed(whole).mean(), notes, counts)

    def surprise(self, scores: Tensor, batch: Lists) -> Tensor:
        """[L] how little each list's order was to be expected, or its soft labels where it has them."""
        found = SURPRISE[self.settings.likelihood](self.settings, self.habits)(scores, batch.tiers)
        if batch.chances is None or self.settings.likelihood != "bradley-terry":
            return found
        untold = batch.chances.isnan().all(-1).all(-1)
        return torch.where(untold, found, soft_bradley_terry(scores, batch.chances))

    def record(self) -> dict[str, Any]:
        """What was found out about those who judged, in the terms of their own numbers."""
        found: dict[str, Any] = {}
        if self.settings.likelihood == "davidson":
            found["tie"] = float(self.habits.tie.detach().exp())
        if self.rated:
            found["scales"] = {name: {"mean": m, "spread": s} for name, (m, s) in self.rated.scales.items()}
        if self.rated and self.settings.ratings.raters == "leaning":
            leanings = centred(self.habits.leanings.detach()).tolist()
            found["leanings"] = dict(zip(self.rated.raters, leanings, strict=True))
        return found

    def scores(self, batch: Lists) -> Tensor:
        """[L, K] each candidate's score by the head that its list teaches."""
        if len(self.model.heads) == 1:
            return batch.by_list(self.model.scores(batch.sequences))
        assert isinstance(batch, Opinions), "lists for several heads say which one they teach"
        every = batch.by_list(self.model.opinions(batch.sequences))
        return every[torch.arange(len(every), device=every.device), :, batch.heads]

    def error(self, scores: Tensor, batch: Opinions) -> Tensor:
        """[L] how far each score is from its list's rating; of no meaning where there is none."""
        values = torch.where(batch.values.isnan(), 0.0, batch.values).to(scores.dtype)
        if self.settings.ratings.loss == "hinge":
            return hinge(scores, values)
        if self.settings.ratings.raters == "leaning":
            return rater_squared_error(scores, values, self.habits.leanings, batch.raters)
        return squared_error(scores, values)


def build(
    settings: Reward,
    bench: Bench,
    model: RewardModel,
    rankings: Iterable[Ranking] | Mapping[str, Iterable[Ranking]] | None,
    rated: Iterable[Rating] | None = None,
) -> Course:
    """Learn from the rankings that are not held back, given by aspect if there are several, and from ratings."""
    heads = {name: place for place, name in enumerate(model.heads)}
    read = partial(collate.rankings, template=model.template, limit=context(model.network), say=bench.say)
    ties = settings.likelihood in FROM_TIES
    items: Sequence[Candidate]
    make: Callable[[Sequence[Any]], Lists] = opinions
    numbers = None
    if rated is not None:
        labels = settings.ratings.loss == "hinge"
        numbers = ratings(rated, model.template, context(model.network), bench.say, heads, labels)
    if rankings is None or isinstance(rankings, Mapping):
        parts: list[tuple[Sequence[Candidate], int]] = [
            (read(some, ties=ties), heads.get(aspect, 0)) for aspect, some in (rankings or {}).items()
        ]
        items = Shelves([*parts, *([(numbers.items, 0)] if numbers else [])])
    elif numbers:
        items = Shelves([(read(rankings, ties=ties), 0), (numbers.items, 0)])
    else:
        items, make = read(rankings, ties=ties), collate.lists
    feed = Reading(items, settings.batch, settings.epochs, bench.seed, make, bench.learning.micro_tokens)
    return course(settings, model, feed, numbers)


def course(settings: Reward, model: RewardModel, feed: Reading[Any, Lists], numbers: Rated | None) -> Course:
    """The networks that learn: the model, and the judges' habits if any of them is asked for."""
    habits = Habits(len(numbers.raters) if numbers else 1)
    networks: dict[str, nn.Module] = {"reward": model.network}
    rates = {"reward": settings.rate}
    if settings.likelihood == "davidson" or (numbers and settings.ratings.raters == "leaning"):
        networks["habits"], rates["habits"] = habits, settings.rate * HASTE
    return Course(feed, RewardObjective(model, settings, habits, numbers), networks, rates, feed.steps)
