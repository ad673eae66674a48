"""Distillation: a student learns from a teacher's answers, from its predictions, or from both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import spoken
from concord.algorithms.feeds import Ahead, Rounds
from concord.batches import Rendered, Sequences, pack
from concord.errors import ModelError, RecordError, SettingsError
from concord.maths.distillation import forward_kl, jensen_shannon, reverse_kl
from concord.maths.sequence import masked_mean
from concord.models import Policy
from concord.models.folder import context
from concord.models.vocabulary import over_vocabulary
from concord.settings import Distill
from concord.training import Loss, Notes

DIVERGENCES: dict[str, Callable[..., Tensor]] = {
    "forward-kl": forward_kl,
    "reverse-kl": reverse_kl,
    "jensen-shannon": jensen_shannon,
}
"""How far a student's logits are from its teacher's, [m, V] and [m, V] -> [m]."""


@dataclass(frozen=True)
class Taught:
    """Answers to read, and what the teacher's predictions weigh by now."""

    sequences: Sequences
    share: float
    """Weight of the divergence from the teacher at this step."""

    @property
    def weight(self) -> float:
        """How many tokens bear loss."""
        return self.sequences.weight

    def describe(self) -> dict[str, list[list[int]]]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return self.sequences.describe()


@dataclass
class Distillation:
    """The divergence from the teacher and the likelihood of the answers, a mean over their tokens."""

    policy: Policy
    teacher: Policy | None
    """None if its predictions never weigh anything."""
    settings: Distill
    size: int | None
    """How many tokens both know, if one network has room for more."""

    def __call__(self, batch: Taught) -> Loss:
        sequences, settings = batch.sequences.to(self.policy.compute.device), self.settings
        mask = sequences.scored
        notes: Notes = {"weight": batch.share}
        loss = torch.zeros((), device=mask.device)
        if self.teacher is not None:
            own = settings.divergence.model_dump(exclude={"method"})
            formula = partial(DIVERGENCES[settings.divergence.method], **own)
            gaps = over_vocabulary([self.policy, self.teacher], sequences, formula, self.size)
            divergence = masked_mean(gaps, mask)
            notes["divergence"] = divergence.detach()
            loss = loss + batch.share * divergence
        if settings.nll:
            nll = -masked_mean(self.policy.logprobs(sequences), mask)
            notes["nll"] = nll.detach()
            loss = loss + settings.nll * nll
        return Loss(loss, notes, {"tokens": sequences.size})


def eased(first: float, last: float, done: int, steps: int) -> float:
    """A weight on its way from its first to its last value, evenly over all steps."""
    return first + (last - first) * done / max(1, steps - 1)


def common(policy: Policy, teacher: Policy) -> int | None:
    """How many tokens two networks both know: None for all; an error if their tokens differ."""
    words = policy.template.tokenizer.get_vocab()
    if words != teacher.template.tokenizer.get_vocab():
        raise ModelError(
            "Teacher and policy have different tokenizers, so their predictions cannot be compared token by token. "
            "Set `weight` and `last_weight` to 0 and `nll` to 1 to learn from the teacher's answers alone, or take "
            "a teacher with the same tokenizer."
        )
    sizes = {int(one.network.config.vocab_size) for one in (policy, teacher)}  # type: ignore[union-attr, arg-type]
    return None if len(sizes) == 1 else max(words.values()) + 1


def held(row: Rendered, limit: int, name: str) -> Rendered:
    """An answer as far as the student's context reaches, as if it had been cut off there."""
    if row.opening >= limit:
        raise RecordError(
            f"Prompt {name} has {row.opening} tokens in the student's words, which leaves no room for an answer in its "
            f"context of {limit}. Shorten it or leave it out, or use a student with a longer context."
        )
    return Rendered(row.tokens[:limit], row.scored[:limit])


def build(settings: Distill, bench: Bench) -> Course:
    """The student reads one answer to each prompt a round; the teacher looks over its shoulder."""
    policy, teacher = bench.policy, bench.other(settings.teacher)
    weighs = bool(settings.weight or settings.last_weight)
    if not weighs and not settings.nll:
        raise SettingsError(
            "`weight`, `last_weight` and `nll` are all 0, so there is nothing to learn. Set one."
        )
    size = common(policy, teacher) if weighs else None
    alike, limit = policy.template.same_ids(teacher.template), context(policy.network)
    if context(teacher.network) > limit:
        bench.say(
            f"answers end where the student's context of {limit} tokens does, if the teacher goes on beyond."
        )

    def answers(turn: int) -> list[Rendered]:
        speaker = teacher if settings.answers == "teacher" else policy
        said = bench.speaker(speaker, settings.answers, f"distill {turn}", 1.0, settings.longest)
        completions = said.sample(bench.prompts, 1)
        if alike or speaker is policy:
            rows = [spoken(completion, policy) for completion in completions]
        else:
            rows = policy.template.completions(completions)  # read anew, in the student's own tokens
        return [held(row, limit, one.prompt.id) for row, one in zip(rows, completions, strict=True)]

    feed = Rounds(
        answers,
        settings.rounds,
        settings.batch,
        settings.epochs,
        bench.seed,
        pack,
        bench.learning.micro_tokens,
    )

    def look(number: int, step: Sequence[Sequences]) -> list[Taught]:
        share = eased(settings.weight, settings.last_weight, number, feed.steps)
        return [Taught(sequences, share) for sequences in step]

    return Course(
        Ahead(feed, look),
        Distillation(policy, teacher if weighs else None, settings, size),
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        tells=(feed.tell,),
    )
