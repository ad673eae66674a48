"""Reward model: find the scores under which people's rankings are least surprising.

The network reads prompt and completion and gives one number. Rankings fix only differences between
scores, so a weak pull keeps each list's mean near 0. A ranking counts by its weight. Where it tells chances,
Bradley-Terry learns those instead of its tiers; Plackett-Luce, a model of whole orders, learns the tiers.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches import Lists, collate
from concord.maths.ranking import bradley_terry, centring, pair_accuracy, plackett_luce, soft_bradley_terry
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Ranking
from concord.settings import Reward
from concord.training import Loss

SURPRISE = {"bradley-terry": bradley_terry, "plackett-luce": plackett_luce}


@dataclass
class RewardObjective:
    """How surprising the rankings are under the model's scores."""

    model: RewardModel
    settings: Reward

    def __call__(self, batch: Lists) -> Loss:
        batch = batch.to(self.model.compute.device)
        scores, tiers = batch.by_list(self.model.scores(batch.sequences)), batch.tiers
        surprises = SURPRISE[self.settings.likelihood](scores, tiers)
        if batch.chances is not None and self.settings.likelihood == "bradley-terry":
            soft = soft_bradley_terry(scores, batch.chances)
            surprises = torch.where(batch.chances.isnan().all(-1).all(-1), surprises, soft)
        surprise = batch.weighed(surprises).mean()
        offset = batch.weighed(centring(scores, tiers)).mean()
        notes = {"surprise": surprise, "accuracy": pair_accuracy(scores.detach(), tiers).mean()}
        return Loss(surprise + self.settings.centring * offset, notes, {"tokens": batch.sequences.size})


def build(settings: Reward, bench: Bench, model: RewardModel, rankings: Iterable[Ranking]) -> Course:
    """Learn from the rankings that are not held back."""
    rows = collate.rankings(rankings, model.template, context(model.network), bench.say)
    feed = Reading(
        rows, settings.batch, settings.epochs, bench.seed, collate.lists, bench.learning.micro_tokens
    )
    return Course(
        feed,
        RewardObjective(model, settings),
        {"reward": model.network},
        {"reward": settings.rate},
        feed.steps,
    )
