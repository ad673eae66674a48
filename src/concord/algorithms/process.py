"""Process reward model: learn from marks for steps which step of an answer goes wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches.steps import StepBatch, step_batch, step_labels
from concord.maths.process import INCORRECT, step_surprise
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import StepLabels
from concord.settings import Steps
from concord.training import Loss


@dataclass
class ProcessObjective:
    """How surprising the marks of the steps are; every marked step counts the same."""

    model: RewardModel

    def __call__(self, batch: StepBatch) -> Loss:
        batch = batch.to(self.model.compute.device)
        logits, marked = self.model.steps(batch), batch.marks >= 0
        found, marks = logits[marked], batch.marks[marked]
        surprise = step_surprise(found, marks).mean()
        right = (found.argmax(-1) == marks).double().mean()
        wrong = marks == INCORRECT
        notes = {"surprise": surprise, "accuracy": right, "incorrect": wrong.double().mean()}
        return Loss(surprise, notes, {"tokens": batch.sequences.size})


def build(settings: Steps, bench: Bench, model: RewardModel, labels: Iterable[StepLabels]) -> Course:
    """Learn from the step labels that are not held back."""
    rows = step_labels(labels, model.template, context(model.network), bench.say)
    feed = Reading(rows, settings.batch, settings.epochs, bench.seed, step_batch, bench.learning.micro_tokens)
    return Course(
        feed, ProcessObjective(model), {"reward": model.network}, {"reward": settings.rate}, feed.steps
    )
