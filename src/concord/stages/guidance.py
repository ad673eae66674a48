"""What a reward model may learn from, and what of it is kept back to judge the model by."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from concord.errors import RecordError
from concord.evaluation.clusters import Clusters, clustered
from concord.models.folder import ALONE
from concord.records import Prompt, Ranking, Rating, StepLabels, Stream, digest, parted, prompt_of, seed_of
from concord.settings import HoldOut, Reward
from concord.stages.bench import Bench

Guided = TypeVar("Guided", Ranking, Rating, StepLabels)
Told = TypeVar("Told", Ranking, Rating)


@dataclass(frozen=True)
class Guidance:
    """Rankings, ratings and step labels: those to learn from, and those kept back."""

    shown: Stream[Ranking]
    kept: Stream[Ranking]
    ratings: Stream[Rating] | None
    steps: Stream[StepLabels] | None
    kept_steps: Stream[StepLabels] | None


@dataclass(frozen=True)
class Lessons:
    """What one reward model learns from."""

    heads: tuple[str, ...]
    """Its heads: the aspects that it tells apart."""
    rankings: Stream[Ranking] | Mapping[str, Stream[Ranking]] | None
    """By aspect if it tells them apart."""
    ratings: Stream[Rating] | None


def guidance(bench: Bench) -> Guidance:
    """All that the recipe names; everything about one prompt is learned from or kept back together."""
    asked = bench.recipe.reward
    ranked = bench.run.path("rank") / "rankings.jsonl"
    part = kept_back(bench)
    shown, kept = part(checked(bench.rankings, ranked, asked.aspects))
    ratings = steps = kept_steps = None
    if asked.ratings.file:
        path = bench.loaded.folder / asked.ratings.file
        told = checked(bench.stream(path, "ratings"), path, asked.aspects)
        ratings, _ = part(told)
    if asked.steps.file:
        labels = bench.stream(bench.loaded.folder / asked.steps.file, "steps")
        steps, kept_steps = part(labels)
    return Guidance(shown, kept, ratings, steps, kept_steps)


class Part(Protocol):
    """What parts guidance of any kind: to learn from, and kept back."""

    def __call__(self, records: Stream[Guided], /) -> tuple[Stream[Guided], Stream[Guided]]: ...


def kept_back(bench: Bench) -> Part:
    """How guidance is parted: prompt by prompt, or by whole groups of prompts if the recipe asks for it."""
    asked, seed = bench.recipe.reward.hold_out, bench.recipe.seed
    by_groups = asked.by == "clusters" and asked.share
    groups = grouped((one.prompt for one in bench.rankings), bench) if by_groups else None
    if groups is None:
        return lambda records: parted(records, asked.share, seed)
    held = drawn_groups(groups, asked.share, seed)
    names = frozenset(name for name, group in groups.of.items() if group in held)
    why = ("hold out groups", seed, sorted(names))
    return lambda records: (
        records.where(lambda one: prompt_of(one).id not in names, "shown", *why),
        records.where(lambda one: prompt_of(one).id in names, "kept", *why),
    )


def grouped(prompts: Iterable[Prompt], bench: Bench | None) -> Clusters | None:
    """Prompts in groups by what they are about, as a run does it or as usual; None where there are too few."""
    texts = {one.id: words_of(one) for one in prompts}
    count = (bench.recipe.reward.hold_out if bench else HoldOut()).clusters
    return clustered(texts, count, bench.recipe.seed if bench else 0)


def words_of(prompt: Prompt) -> str:
    """What a prompt is about: what its user said."""
    return "\n".join(one.content for one in prompt.messages if one.role == "user")


def drawn_groups(groups: Clusters, share: float, seed: int) -> set[int]:
    """Groups drawn by lot until they hold the share of the prompts; one is always drawn, and one always left."""
    sizes = Counter(groups.of.values())
    order = sorted(sizes, key=lambda group: digest("hold out", seed, groups.names[group], group))
    held: set[int] = set()
    for group in order[:-1]:
        more = sum(sizes[one] for one in held) + sizes[group]
        if not held or more <= share * len(groups.of):
            held.add(group)
    return held


def taught(asked: Reward, found: Guidance) -> Iterator[Prompt]:
    """The prompts of all that is learned from, each as often as it is met."""
    if not (asked.ratings.alone or asked.steps.alone):
        yield from (one.prompt for one in found.shown)
    for more in (None if asked.steps.alone else found.ratings, found.steps):
        yield from (one.completion.prompt for one in more or ())


def checked(records: Stream[Told], path: Path, known: Collection[str]) -> Stream[Told]:
    """The same records, refused at their end if they speak of aspects that are not told apart."""
    return Stream(lambda: of_aspects(records, path, known), records.name, records.cache)


def of_aspect(records: Stream[Told], aspect: str) -> Stream[Told]:
    """Those of one aspect."""
    return records.where(lambda one: one.aspect == aspect, "aspect", aspect)


def lessons(bench: Bench, found: Guidance) -> list[Lessons]:
    """What each member learns from; a reward model that is alone is the only member."""
    asked = bench.recipe.reward
    rankings = None if asked.ratings.alone else found.shown
    ranked, rated = spoken_of(rankings, asked.aspects), spoken_of(found.ratings, asked.aspects)
    if silent := sorted(set(asked.aspects) - ranked - rated):
        raise RecordError(
            f"Nothing that is learned from speaks of {', '.join(silent)}, which `reward.aspects` names. "
            "Take it out there, or bring rankings or ratings of it."
        )
    if asked.members.differ == "aspects":
        return [
            Lessons(
                ALONE,
                of_aspect(rankings, aspect) if rankings and aspect in ranked else None,
                of_aspect(found.ratings, aspect) if found.ratings and aspect in rated else None,
            )
            for aspect in asked.aspects
        ]
    members = []
    for number in range(1, asked.members.count + 1):
        own, told = rankings, found.ratings
        if asked.members.count > 1 and asked.members.differ == "prompts":
            seed = seed_of(bench.seed, "member", number)
            own, told = own and drawn(own, seed), told and drawn(told, seed)
        by_aspect = own and {name: of_aspect(own, name) for name in asked.aspects if name in ranked}
        members.append(Lessons(tuple(asked.aspects) or ALONE, by_aspect or own, told))
    return members


def spoken_of(records: Stream[Told] | None, aspects: Collection[str]) -> set[str]:
    """The aspects that records speak of, if anybody asked."""
    return {one.aspect for one in records} if records and aspects else set()


def drawn(records: Stream[Guided], seed: int) -> Stream[Guided]:
    """The records of prompts drawn with replacement: as many as there are on average, and each any number of times.

    How often a prompt is drawn follows Poisson's law with mean 1, which a bootstrap has in the limit, and from
    the seed and the prompt alone: so nothing has to be counted or held in memory.
    """

    def again() -> Iterator[Guided]:
        for one in records:
            for _ in range(times(seed_of(seed, "draw", prompt_of(one).id) / 2**63)):
                yield one

    return Stream(again, digest(records.name, "drawn", seed), records.cache)


def times(chance: float) -> int:
    """The number that Poisson's law with mean 1 gives at a chance in [0, 1)."""
    count, term = 0, math.exp(-1.0)
    while chance >= term > 0:
        chance -= term
        count += 1
        term /= count
    return count


def of_aspects(records: Iterable[Told], path: Path, known: Collection[str]) -> Iterator[Told]:
    """Two aspects may well order the same answers in opposite ways: each needs a number of its own."""
    seen: set[str] = set()
    for record in records:
        seen.add(record.aspect)
        yield record
    if known and seen - set(known):
        raise RecordError(
            f"{path} speaks of the aspects {', '.join(sorted(seen)[:4])}, and `reward.aspects` names "
            f"{', '.join(known)}. Name them all there, or take the others out of the file."
        )
    if not known and len(seen) > 1:
        raise RecordError(
            f"{path} holds guidance by {len(seen)} aspects ({', '.join(sorted(seen)[:4])}), which one number "
            "cannot tell apart. Give each its weight in `reward.aspects`, or keep one aspect in the file."
        )
