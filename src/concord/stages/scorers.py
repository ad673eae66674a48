"""The scorer that a reward stage describes, made of its models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from concord.models import Compute, RewardModel
from concord.records import Completion
from concord.roles import Scorer
from concord.scoring import Aspects, Combined, Ensemble, Learned, Part, Process, Segments

MEASURED = 1024
"""Completions on which it is seen what a scorer's numbers mean."""


def made(what: Mapping[str, Any], folder: Path, compute: Compute, micro_tokens: int) -> Scorer:
    """The scorer that is described, its models loaded from below a folder and frozen."""
    if what["kind"] in ("combined", "ensemble"):
        parts = [
            Part(
                made(part["scorer"], folder, compute, micro_tokens),
                part["mean"],
                part["spread"],
                part["weight"],
            )
            for part in what["parts"]
        ]
        return Combined(parts) if what["kind"] == "combined" else Ensemble(parts, what["penalty"])
    if what["kind"] == "segments":
        whole = made(what["scorer"], folder, compute, micro_tokens)
        assert isinstance(whole, Learned), "segments divide the score of one reward model"
        return Segments(whole, what["cut"], what["size"], what["threshold"])
    model = RewardModel.learned(folder / what["folder"], compute)
    model.network.requires_grad_(False)
    if what["kind"] == "process":
        return Process(model, what["reading"], what["cut"], micro_tokens)
    if what["kind"] == "aspects":
        columns = zip(*((one["weight"], one["mean"], one["spread"]) for one in what["aspects"]), strict=True)
        weights, means, spreads = columns
        return Aspects(model, weights, means, spreads, micro_tokens)
    return Learned(model, micro_tokens)


def measured(
    what: Mapping[str, Any], weight: float, scorer: Scorer, seen: Sequence[Completion]
) -> dict[str, Any]:
    """A part of a larger scorer: what it is, what it counts for, and what its numbers mean."""
    said = scorer.score(seen)
    return {"weight": weight, "mean": fmean(said), "spread": pstdev(said), "scorer": dict(what)}
