"""What a recipe will cost, worked out beforehand: steps, tokens, memory and time, from sizes alone."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from statistics import fmean

import numpy as np

from concord.batches.order import steps_of
from concord.errors import ModelError
from concord.monitoring.remark import Level, Remark
from concord.settings import PPO, Rollouts
from concord.stages.doctor.brought import Brought

FLOAT = 4
"""Bytes of a weight, of a gradient, of each of the optimiser's two moments, and of a logit."""
LEARNS, LOOKS_ON = 4, 1
"""Copies of a network's size: weights, gradients and two moments, or the weights alone."""
LARGEST_HEADER = 100 * 2**20
LAYER = 16
"""Numbers a token that each layer keeps for the backward pass, in widths of the network: a rule of thumb."""
SAMPLED = 0.1
"""Share of the speed of large products that drawing token by token reaches: a rule of thumb."""
GIB = 2**30


@dataclass(frozen=True)
class Load:
    """One stage: networks that learn, networks that only look on, tokens that are learned and that are drawn."""

    name: str
    learn: int
    look: int
    learned: float
    read: float = 0.0
    """Tokens that are read without learning."""
    drawn: float = 0.0


def weights(folder: Path) -> int:
    """How many weights a model folder holds, by the headers of its files; the weights themselves stay on the disk."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > LARGEST_HEADER:
                raise ModelError(
                    f"{path} is damaged: its header would have {size} bytes. Fetch the model again."
                )
            try:
                header = json.loads(file.read(size))
            except ValueError as error:
                raise ModelError(f"{path} is damaged: {error}. Fetch the model again.") from error
        total += sum(prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
    return total


def rounds(brought: Brought) -> Rollouts | None:
    """How much the policy says while it learns, if it does."""
    found = getattr(brought.loaded.recipe.align, "rollout", None)
    return found if isinstance(found, Rollouts) else None


def arithmetic(brought: Brought) -> Iterator[Remark]:
    """How many prompts, samples, updates and steps there are, and what does not come out even."""
    recipe, source = brought.loaded.recipe, str(brought.loaded.source)
    for path, found in brought.demonstrations:
        if path == brought.loaded.folder / recipe.sft.demonstrations and found:
            yield from passes(source, "sft", len(found), recipe.sft.batch, recipe.sft.epochs)
    for _, ranked in brought.rankings:
        if ranked:
            shown = round(len(ranked) * (1 - recipe.reward.hold_out.share))
            yield from passes(source, "reward", max(1, shown), recipe.reward.batch, recipe.reward.epochs)
    plan = rounds(brought)
    if plan is not None:
        yield from speaking(brought, plan)


def passes(source: str, stage: str, count: int, batch: int, epochs: int) -> Iterator[Remark]:
    """Steps of a stage that reads fixed data."""
    steps = steps_of(count, batch, epochs)
    level: Level = "warning" if steps < 10 else "note"
    last = f", {count % batch} in the last of a pass" if count % batch and count > batch else ""
    what = f"{stage} reads {count:,} records {epochs} times, {batch} in a step{last}: {steps:,} steps."
    do = "So few steps learn little: lower `batch` or raise `epochs`." if level == "warning" else ""
    yield Remark(level, "arithmetic", source, what, do)


def speaking(brought: Brought, plan: Rollouts) -> Iterator[Remark]:
    """Rounds of speaking: completions, updates, steps, how often each prompt is asked."""
    recipe, source = brought.loaded.recipe, str(brought.loaded.source)
    said = plan.prompts * plan.samples
    size = -(-said // plan.updates)
    steps = plan.rounds * plan.passes * -(-said // size)
    what = (
        f"align: rounds {plan.rounds}, each {plan.prompts} prompts x {plan.samples} answers = {said:,} completions, "
        f"{size} in an update; steps {steps:,}, tokens at most {plan.rounds * said * plan.longest:,}."
    )
    yield Remark("note", "arithmetic", source, what)
    if said % plan.updates:
        left = said - size * (-(-said // size) - 1)
        what = f"align: {said} completions do not divide into {plan.updates} updates; the last has {left}."
        yield Remark("warning", "arithmetic", source, what, "Let `updates` divide `prompts` x `samples`.")
    for _, prompts in brought.all_of("prompts"):
        times = plan.rounds * plan.prompts / max(1, len(prompts))
        level: Level = "warning" if times > 20 else "note"
        yield Remark(
            level, "arithmetic", source, f"align asks each of {len(prompts):,} prompts {times:.1f} times."
        )
    align = recipe.align
    if isinstance(align, PPO) and align.critic_rounds >= plan.rounds:
        what = (
            f"in all {plan.rounds} rounds the critic learns alone (`critic_rounds` is {align.critic_rounds})."
        )
        yield Remark("error", "arithmetic", source, what, "Lower `align.critic_rounds`.")
    if plan.samples == 1 and align.method in ("grpo", "rloo"):
        what = f"{align.method} credits an answer against others to its prompt, but `samples` is 1."
        yield Remark("error", "arithmetic", source, what, "Raise `align.rollout.samples`.")


def cost(brought: Brought) -> Iterator[Remark]:
    """Memory and time of the stages, within a factor of about three."""
    template = brought.template
    if template is None:
        return
    try:
        size = weights(brought.model)
    except ModelError as error:
        yield Remark("error", "model", str(brought.model), str(error))
        return
    speed = products()
    most, free = 0.0, memory()
    for load in loads(brought):
        space = (size * FLOAT * (LEARNS * load.learn + LOOKS_ON * load.look) + passing(brought)) / GIB
        seconds = size * (6 * load.learned + 2 * load.read + 2 * load.drawn / SAMPLED) / speed
        most = max(most, space)
        pace = f"about {told(seconds)} at {speed / 1e9:.0f} GFLOP/s"
        what = f"{load.name}: about {space:.2g} GiB beside the libraries, {pace}."
        yield Remark("note", "cost", str(brought.model), what)
    if free and most > free / GIB:
        what = f"about {most:.1f} GiB are needed, this machine has {free / GIB:.1f} GiB."
        do = "Use a smaller model, `learning.adapter`, or a larger machine."
        yield Remark("warning", "cost", str(brought.model), what, do)
    yield Remark(
        "note", "cost", str(brought.model), f"{size:,} weights; a rough guess, within a factor of three."
    )


def loads(brought: Brought) -> Iterator[Load]:
    """The stages that compute, with their tokens."""
    recipe, template = brought.loaded.recipe, brought.template
    assert template is not None, "cost asks only where there is one"
    prompts = [one for _, found in brought.all_of("prompts") for one in found]
    asked = fmean([len(ids) for ids in template.prompts(prompts[:500])]) if prompts else 32.0
    shown = [one for _, found in brought.demonstrations for one in found]
    said = (
        fmean([len(ids) for ids in template.encode_all([one.text for one in shown[:500]])]) if shown else 32.0
    )
    for path, found in brought.demonstrations:
        if path == brought.loaded.folder / recipe.sft.demonstrations:
            yield Load("sft", 1, 0, recipe.sft.epochs * len(found) * (asked + said))
    count = min(recipe.sample.prompts or len(prompts), len(prompts)) * recipe.sample.k
    yield Load("sample", 0, 1, 0, count * asked / recipe.sample.k, count * said)
    yield Load("reward", 1, 0, recipe.reward.epochs * count * (said + asked / recipe.sample.k))
    plan = rounds(brought)
    if plan is not None:
        turns = plan.rounds * plan.prompts * plan.samples
        row = said + asked / plan.samples
        learn = 2 if isinstance(recipe.align, PPO) else 1
        yield Load("align", learn, 2, learn * plan.passes * turns * row, 3 * turns * row, turns * said)


def passing(brought: Brought) -> float:
    """Bytes that one forward and backward pass needs: what layers keep, and the logits of scored tokens twice."""
    config, tokens = brought.config, brought.loaded.recipe.learning.micro_tokens
    width = int(config.get("hidden_size") or config.get("n_embd") or 0)
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    return float(tokens * FLOAT * (LAYER * width * layers + 2 * int(config.get("vocab_size") or 0)))


@cache
def products() -> float:
    """Floating-point operations a second in products of a medium size, measured for a moment, once."""
    left = np.ones((512, 1024), dtype=np.float32)
    right = np.ones((1024, 1024), dtype=np.float32)
    left @ right
    began, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - began < 0.1:
        left @ right
        count += 1
    return 2 * 512 * 1024 * 1024 * count / (time.perf_counter() - began)


def memory() -> float:
    """Bytes of memory of this machine; 0 if that is not known."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return 0.0


def told(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
