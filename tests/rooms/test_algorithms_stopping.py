"""Learning stops while it still gains: what is kept back says when, and what must not be forgotten says how far."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families
from tests.rooms.methods import asked, bench

from concord.algorithms import ALGORITHMS, sft
from concord.algorithms.stopping import Watched, surprise
from concord.models import Compute, Policy
from concord.records import Demonstration
from concord.settings import SFT, Learning
from concord.stages.learn import learn
from concord.training import Notes


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("stopping") / "gpt2", "gpt2")


@pytest.fixture(scope="module")
def policy(path: Path) -> Policy:
    return bench(path).policy


WORDS = ["sea", "town", "boat", "calm", "far", "mile", "hello", "please"]
LEARNED = [
    Demonstration(asked(f"{first} {second}"), f"the {second} and the {first}")
    for first in WORDS
    for second in WORDS
]
GENERAL = [Demonstration(asked("x y"), "one two three four"), Demonstration(asked("z"), "seven eight")]


@dataclass
class Stage:
    """What the stages' loop asks of a bench, around a bench of the algorithms' tests."""

    inner: Any
    compute: Compute
    learning: Learning
    seed: int = 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def demonstrations(self, file: str) -> list[Demonstration]:
        return GENERAL if file == "general.jsonl" else LEARNED


def taught(path: Path, folder: Path, settings: SFT, kill_at: int | None = None) -> tuple[Any, Any]:
    """A whole stage: course, loop, and perhaps checkpoints after every step and a death."""
    inner = bench(path)
    inner.policy.network.float()
    often = 1000.0 if kill_at is None else 0.0
    stage = Stage(inner, families.CPU, Learning(micro_tokens=1000, checkpoint_seconds=often))
    course = ALGORITHMS["sft"](settings, stage)

    def die(number: int, notes: Any) -> None:
        if number == kill_at:
            raise KeyboardInterrupt

    learn(sft.replace(course, tells=[*course.tells, die]), stage, folder, "k")
    return course, inner


@pytest.mark.parametrize(
    ("held", "general", "peak"),
    [
        ([3.0, 2.5, 2.7, 2.4], None, 3),
        ([3.0, 2.5, 2.4, 2.6], [1.0, 1.1, 1.3, 1.1], 1),
        ([3.0, 3.1, 2.9], [1.0, 0.9, 1.2], 2),
        (None, [1.0, 1.3, 1.1], 2),
    ],
)
def test_t3_a_look_is_better_if_it_gains_and_forgets_little(
    policy: Policy,
    monkeypatch: pytest.MonkeyPatch,
    held: list[float] | None,
    general: list[float] | None,
    peak: int,
) -> None:
    """Two tenths of a nat may be forgotten: by hand, which of the looks is the best so far."""
    rows = [policy.template.demonstration(LEARNED[0], False)]
    told = {"kept": iter(held or ()), "general": iter(general or ())}
    watched = Watched(
        [], policy, rows if held else [], rows * 2 if general else [], 0.2, 4, 2, 9, 1000, print
    )
    monkeypatch.setattr(
        "concord.algorithms.stopping.surprise",
        lambda policy, rows, size: next(told["kept" if len(rows) == 1 else "general"]),
    )
    for number in range(len(held or general or ())):
        watched.look(number)
    assert watched.peak == peak
    assert watched.told().endswith(".") and f"kept the weights of step {peak}" in watched.told()


def test_t3_learning_ends_when_patience_does(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look after each of six steps, a gain at the first alone: two looks later it is over, after step 3."""
    said: list[str] = []
    held = iter([3.0, 2.5, 2.6, 2.5, 2.4, 2.3, 2.2])
    monkeypatch.setattr("concord.algorithms.stopping.surprise", lambda *given: next(held))
    rows = [policy.template.demonstration(LEARNED[0], False)]
    watched = Watched([rows] * 6, policy, rows, [], 0.2, 6, 6, 2, 1000, said.append)
    steps = 0
    for steps, _ in enumerate(watched, 1):
        watched(steps, {})
    assert steps == 3 and said == [watched.told()] and "stopped after step 3" in said[0]


def test_t3_looks_are_spread_evenly_over_a_pass(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks in a pass of five steps: after the third, where the half is over, and after the fifth.

    What each of them sees is noted of its step.
    """
    held = iter([5.0, 4.0, 3.0, 2.0, 1.0])
    monkeypatch.setattr("concord.algorithms.stopping.surprise", lambda *given: next(held))
    rows = [policy.template.demonstration(LEARNED[0], False)]
    watched = Watched([rows] * 10, policy, rows, [], 0.2, 5, 2, 99, 1000, print)
    seen = {}
    for step, _ in enumerate(watched, 1):
        notes: Notes = {}
        watched(step, notes)
        seen |= {step: notes["held_out"]} if notes else {}
    assert seen == {3: 4.0, 5: 3.0, 8: 2.0, 10: 1.0} and watched.looks[0]["step"] == 0


STOPPING = SFT(hold_out=0.2, epochs=30, batch=16, rate=2e-2, general="general.jsonl", looks=2, patience=3)


@pytest.mark.slow
def test_t3_learning_stops_when_it_no_longer_gains(path: Path, tmp_path: Path) -> None:
    """It fires before the end; the weights kept are those of the best look, and the report says so."""
    course, inner = taught(path, tmp_path / "sft.partial", STOPPING)
    feed = course.feed
    seen = [one["held_out"] for one in feed.looks]
    assert feed.over and feed.looks[-1]["step"] < course.steps
    best = min(range(len(seen)), key=lambda place: seen[place])
    assert feed.peak == best == len(seen) - 4 and best > 0 and seen[best] < seen[0] - 0.3
    assert surprise(inner.policy, feed.kept, 1000) == pytest.approx(seen[best], abs=1e-6)
    diary = [json.loads(line) for line in (tmp_path / "sft.partial/metrics.jsonl").read_text().splitlines()]
    told = {line["step"]: line["held_out"] for line in diary if "held_out" in line}
    assert told == pytest.approx({one["step"]: one["held_out"] for one in feed.looks[1:]})
    assert set(told) == {
        line["step"] for line in diary if line["step"] * 2 // 4 > (line["step"] - 1) * 2 // 4
    }
    assert feed.report()["best"] == feed.looks[best] and feed.report()["stopped"]
    assert any(f"kept the weights of step {feed.looks[best]['step']}" in line for line in inner.said)


@pytest.mark.slow
def test_t3_what_must_not_be_forgotten_is_bounded(path: Path, tmp_path: Path) -> None:
    """Without a bound the drop is reported; with one, no weights beyond it are kept, and learning ends."""
    free, _ = taught(path, tmp_path / "free" / "sft.partial", STOPPING)
    rise = free.feed.looks[free.feed.peak]["general"] - free.feed.looks[0]["general"]
    assert rise > 0.02
    bound = rise / 2
    held, inner = taught(
        path, tmp_path / "held" / "sft.partial", STOPPING.model_copy(update={"forget": bound})
    )
    feed = held.feed
    kept = feed.looks[feed.peak]
    assert kept["general"] - feed.looks[0]["general"] <= bound
    assert kept["step"] < free.feed.looks[free.feed.peak]["step"] and feed.over
    assert surprise(inner.policy, feed.general, 1000) == pytest.approx(kept["general"], abs=1e-6)


@pytest.mark.parametrize("kill_at", [7])
@pytest.mark.slow
def test_t3_a_stop_in_time_survives_a_kill(path: Path, tmp_path: Path, kill_at: int) -> None:
    """Killed in the midst and begun again: the same looks, the same weights, bit for bit."""
    settings = STOPPING.model_copy(update={"epochs": 4, "patience": 2})
    course, inner = taught(path, tmp_path / "whole" / "sft.partial", settings)
    folder = tmp_path / "cut" / "sft.partial"
    with pytest.raises(KeyboardInterrupt):
        taught(path, folder, settings, kill_at)
    again, other = taught(path, folder, settings)
    assert f"goes on after step {kill_at - 1} of {course.steps}." in other.said
    assert again.feed.looks == course.feed.looks and again.feed.peak == course.feed.peak
    for one, two in zip(inner.policy.network.parameters(), other.policy.network.parameters(), strict=True):
        assert torch.equal(one, two)
