"""One comparison: losses first, then turns of all sides in one run, there and back again."""

import time
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.plan import LOSS_BAR, STAGES, Cell
from benchmarks.side import Side
from benchmarks.spec import Spec

PASSES, MOST_PASSES, ENOUGH = 2, 6, 20.0
"""Least and most passes, and the seconds of measuring after which no further pass begins."""

RATES = {"tiny": 3e-5, "small": 1e-5}
"""At which the first step moves a loss by some percent."""


def specs(cell: Cell, precision: str, root: str) -> dict[str, Spec]:
    """What each side is asked; ours first."""
    stage = STAGES[cell.stage]
    ours = Spec(
        "ours",
        cell.stage,
        cell.model,
        stage.counts[cell.model],
        stage.completions,
        stage.precision or precision,
        cell.threads,
        {"step": stage.step},
        busy=cell.busy,
        root=root,
    )
    implied = stage.completions * (stage.completions - 1) // 2 if cell.stage == "reward-list" else 1
    found = {"ours": ours}
    for name in cell.peers:
        options = {"step": stage.step * implied, **stage.peers[name]}
        found[name] = replace(ours, side=stage.side, options=options)
    return found


def measure(cell: Cell, precision: str, root: str, peak: dict[str, float]) -> dict[str, Any]:
    """The row of one comparison."""
    asked = specs(cell, precision, root)
    apart = [[name] for name in cell.peers] if cell.model == "small" else [list(cell.peers)]
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in asked}
    peaks: dict[str, float] = {}
    ratios: dict[str, list[float]] = {}
    loss = difference(cell, root) if STAGES[cell.stage].checked and not cell.busy else {}
    with machine.neighbour(cell.busy):
        # networks of one shape fit side by side; of the other, peers take their turns one after the other
        for names in apart:
            found, held = alternate({name: asked[name] for name in ["ours", *names]}, cell.threads)
            for name in names:
                both = zip(found["ours"], found[name], strict=True)
                ratios[name] = [rate(cell, us) / rate(cell, them) for us, them in both]
            for name, taken in found.items():
                turns[name] += taken
            peaks |= {name: max(held[name], peaks.get(name, 0.0)) for name in held}
    rates = {name: [rate(cell, turn) for turn in taken] for name, taken in turns.items()}
    return row(
        cell, asked["ours"], rates, ratios, peaks, used(cell, asked["ours"], turns["ours"], peak), loss
    )


def alternate(
    asked: dict[str, Spec], threads: int
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, float]]:
    """All sides warm up at once, then work turn by turn: a b b a a b ..."""
    cores = machine.cores()
    with ExitStack() as stack:
        sides: dict[str, Side] = {}
        for place, (name, spec) in enumerate(asked.items()):
            side = sides[name] = Side(name, spec)
            stack.callback(side.close)
            side.pin([cores[place % len(cores)]] if threads == 1 else cores[-threads:])
        for order in ("ready", "warm"):
            for side in sides.values():
                if order == "warm":
                    side.tell(turn=1)
            for side in sides.values():
                side.hear()
        for side in sides.values():
            side.pin(cores[-threads:])
        turns: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        began, passes = time.monotonic(), 0
        while passes < PASSES or (passes < MOST_PASSES and time.monotonic() - began < ENOUGH):
            names = list(sides) if passes % 2 == 0 else list(sides)[::-1]
            for name in names:
                turns[name].append(sides[name].turn())
            passes += 1
        return turns, {name: side.peak_mb for name, side in sides.items()}


def seconds(cell: Cell, turn: dict[str, Any]) -> float:
    """One thread is timed by the processor's clock, which a neighbour disturbs least; several by the wall's."""
    return float(turn["cpu" if cell.threads == 1 else "wall"])


def rate(cell: Cell, turn: dict[str, Any]) -> float:
    """Work done in a second of a turn."""
    return work(cell, turn) / seconds(cell, turn)


def work(cell: Cell, turn: dict[str, Any]) -> float:
    """The same on both sides: rows read or completions made; for rollouts, the tokens that were said."""
    stage = STAGES[cell.stage]
    if cell.stage == "rollout":
        return float(turn["tokens"])
    spec = specs(cell, "float32", "")["ours"]
    if cell.stage == "sft":
        return float(sum(len(one.prompt) + len(one.completions[0]) for one in spec.rows()))
    return float(spec.count * (stage.completions if stage.unit == "completions" else 1))


def used(cell: Cell, spec: Spec, turns: list[dict[str, Any]], peak: dict[str, float]) -> float | None:
    """The share of the best matrix product that our training reached, where its work can be counted."""
    if cell.stage not in ("sft", "reward", "reward-list", "dpo"):
        return None
    rows, best = spec.rows(), peak[spec.precision] * 1e9
    shares = [
        machine.flops(cell.stage, cell.model, rows, turn["processed"]) / seconds(cell, turn) / best
        for turn in turns
    ]
    return round(median(shares), 3)


def difference(cell: Cell, root: str) -> dict[str, Any]:
    """How far apart the sides are before anything is timed: float32, the same rows, the first two steps."""
    stage, checked = STAGES[cell.stage], {"tiny": 8, "small": 4}
    asked = {}
    name = cell.peers[-1] if stage.trains else cell.peers[0]
    for one, spec in specs(replace(cell, peers=(name,)), "float32", root).items():
        count = min(checked[cell.model], spec.count)
        options = {**spec.options, "step": count * 6, "each": count * 6}
        asked[one] = replace(
            spec, count=count, options=options, check=True, precision="float32", rate=RATES[cell.model]
        )
    with ExitStack() as stack:
        sides = {one: Side(f"{one}-check", spec) for one, spec in asked.items()}
        for side in sides.values():
            stack.callback(side.close)
        for side in sides.values():
            side.hear()
        # of a second round of speaking, the first policy's log-probabilities would be wrong
        steps = 1 if cell.stage == "grpo" else 2
        told = check_training(sides, steps) if stage.trains else check_rollout(sides)
    ours, theirs = told["ours"], told[name]
    return {
        "loss_difference": apart(ours, theirs, {"loss", "better_logprob", "worse_logprob"}),
        "gradient_difference": apart(ours, theirs, {"grad_norm"}) if stage.trains else None,
        "losses": {"ours": [one["loss"] for one in ours], "peer": [one["loss"] for one in theirs]},
    }


def apart(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], names: set[str]) -> float:
    """The largest relative difference of the numbers of these names, step by step."""
    found = (
        abs(float(a[name]) - float(b[name])) / max(abs(float(b[name])), 1e-12)
        for a, b in zip(ours, theirs, strict=True)
        for name in a.keys() & b.keys() & names
    )
    return max(found)


def check_training(sides: dict[str, Side], steps: int) -> dict[str, list[dict[str, Any]]]:
    """Some steps on every side, at the same time."""
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(steps):
        for side in sides.values():
            side.tell(turn=1)
        for name, side in sides.items():
            told[name].append(side.hear())
    return told


def check_rollout(sides: dict[str, Side]) -> dict[str, list[dict[str, Any]]]:
    """What we said, by our own account and by the unmodified network's."""
    ours, (name, peer) = sides["ours"], list(sides.items())[1]
    said = ours.turn()
    peer.tell(said=said["said"])
    return {"ours": [said], name: [peer.hear()]}


def row(
    cell: Cell,
    spec: Spec,
    rates: dict[str, list[float]],
    ratios: dict[str, list[float]],
    peaks: dict[str, float],
    utilisation: float | None,
    loss: dict[str, Any],
) -> dict[str, Any]:
    """Everything that is known of a comparison, as it is written down."""
    stage = STAGES[cell.stage]
    found: dict[str, Any] = {
        "stage": cell.stage,
        "model": cell.model,
        "threads": cell.threads,
        "neighbour": cell.busy,
        "precision": spec.precision,
        "unit": stage.unit,
        "clock": "cpu" if cell.threads == 1 else "wall",
        "n": {name: len(values) for name, values in ratios.items()},
        "loss_difference": loss.get("loss_difference"),
        "gradient_difference": loss.get("gradient_difference"),
        "losses": loss.get("losses"),
        "comparable": max(loss["loss_difference"], loss["gradient_difference"] or 0.0) <= LOSS_BAR
        if loss
        else None,
        "utilisation": utilisation,
        "ratios": {name: spread(values) for name, values in ratios.items()},
        "rates": {name: spread(values) for name, values in rates.items()},
        "peak_mb": peaks,
        "bars": stage.bars,
    }
    for peer, suffix in (("default", ""), ("best", "_best"), ("ctranslate2", "_ctranslate2")):
        if peer in ratios:
            found[f"ratio{suffix}"] = round(median(ratios[peer]), 3)
            found[f"memory_ratio{suffix}"] = round(peaks["ours"] / peaks[peer], 3)
    return found


def spread(values: list[float]) -> dict[str, float]:
    """The middle and the ends."""
    return {"median": round(median(values), 4), "low": round(min(values), 4), "high": round(max(values), 4)}
