"""What a reward stage leaves beside its models: how they make one score. Without it there is one model alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from concord.models import Compute, RewardModel
from concord.records import Completion
from concord.records.files import read_json
from concord.roles import Scorer
from concord.scoring import Aspects, Combined, Ensemble, Learned, Part, Process, Segments

NAME = "scorer.json"
MODEL = "model"
"""The folder of a reward model that is alone."""
PLAIN = {"kind": "learned", "folder": MODEL}
"""What is not written down."""
MEASURED = 1024
"""Completions on which it is seen what a scorer's numbers mean."""


def described(folder: Path) -> dict[str, Any]:
    """How the models of a reward stage make one score."""
    path = folder / NAME
    return read_json(path) if path.is_file() else dict(PLAIN)


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


def models(what: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The models that a description names: kind and folder."""
    if "folder" in what:
        yield what["kind"], what["folder"]
    for part in (*what.get("parts", ()), what):
        if "scorer" in part:
            yield from models(part["scorer"])


def first(folder: Path) -> Path | None:
    """The folder of a model from which a critic can begin: the first that gives one number of a whole answer."""
    found = (below for kind, below in models(described(folder)) if kind == "learned")
    return next((folder / below for below in found), None)


def measured(
    what: Mapping[str, Any], weight: float, scorer: Scorer, seen: Sequence[Completion]
) -> dict[str, Any]:
    """A part of a larger scorer: what it is, what it counts for, and what its numbers mean."""
    said = scorer.score(seen)
    return {"weight": weight, "mean": fmean(said), "spread": pstdev(said), "scorer": dict(what)}
