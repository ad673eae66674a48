"""Learning under watch: it ends when it should, goes back to the best look, and knows the same after a kill."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.rooms import methods
from torch import nn

from concord.algorithms import watched as watching
from concord.algorithms.looking import Onlooker
from concord.algorithms.watched import ALARMS, LOOKS, VERDICT, Watched
from concord.records.files import read_json, read_rows
from concord.settings import Alarm, Watch
from concord.training import Alarms, Checkpoints, network_tensors, restore_networks

PROMPTS = 32
GOLD = [0.0, 1.0, 2.0, 3.0, 2.9, 1.5, 0.5, 0.0, -1.0]
"""What the judge thinks after each round: best after the third, clearly fallen after the fifth."""


class Feed:
    """Rounds of two steps."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.done = rounds, 0
        self.settled = True

    def __iter__(self) -> Iterator[list[int]]:
        while self.done < self.rounds:
            for step in range(2):
                self.done += step
                self.settled = step == 1
                yield [self.done]

    def state(self) -> dict[str, Any]:
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        self.done = state["done"]


class Eyes:
    """What is seen follows from the one weight, which is the number of rounds learned."""

    def __init__(self, network: nn.Linear, judged: bool = True) -> None:
        self.policy, self.judged = SimpleNamespace(network=network), judged
        self.calls = 0

    def look(self) -> dict[str, Any]:
        self.calls += 1
        turn = int(self.policy.network.weight.item())
        own = np.random.default_rng(0).normal(0, 1, PROMPTS)
        noise = np.random.default_rng(turn + 1).normal(0, 0.3, PROMPTS)
        seen = {
            "prompts": [f"p{place}" for place in range(PROMPTS)],
            "kl": [float(turn)] * PROMPTS,
            "proxy": (own + turn).tolist(),
            "samples": [{"prompt": "q", "text": f"round {turn}"}],
        }
        if self.judged:
            return {**seen, "gold": (own + GOLD[turn] + noise).tolist()}
        return {**seen, "ranked": seen["prompts"], "agreement": (own + noise > 0).astype(float).tolist()}


def made(folder: Path, watch: Watch, eyes: bool = True, judged: bool = True) -> tuple[Watched, nn.Linear]:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    feed, said = Feed(len(GOLD) - 1), list[str]()
    alarms = Alarms(watch.alarms, lambda: feed.settled, lambda: [{"prompt": "q", "text": "a"}], {})
    onlooker: Any = Eyes(network, judged) if eyes else None
    return Watched(feed, watch, alarms, folder, said.append, feed.rounds, True, onlooker), network


def learned(watched: Watched, network: nn.Linear, done: int = 0, until: int = 99, **notes: Any) -> int:
    """The loop: after the second step of each round the weight is the round's number."""
    number = done
    for number, step in enumerate(watched, start=done + 1):
        with torch.no_grad():
            network.weight.fill_(step[0])
        watched(number, {name: value(number) for name, value in notes.items()})
        if number == until:
            break
    return number


def test_it_goes_back_to_the_best_look_when_the_judge_is_less_pleased(tmp_path: Path) -> None:
    """Best after round 3, the sixth step; the fall is clear two rounds later, at step 10."""
    watched, network = made(tmp_path, Watch(every=1, judge="starter"))
    assert learned(watched, network) == 10
    assert network.weight.item() == 3.0
    verdict, lines, alarms = (
        read_json(tmp_path / VERDICT),
        list(read_rows(tmp_path / LOOKS)),
        list(read_rows(tmp_path / ALARMS)),
    )
    assert verdict["rolled_back_to"] == 6 and verdict["peak"]["step"] == 6
    assert verdict["stopped"] == {"step": 10, "rule": "gold", "action": "roll-back"}
    assert [line["step"] for line in lines] == [0, 2, 4, 6, 8, 10]
    assert lines[3]["gold"]["value"] == pytest.approx(3.0, abs=0.4) and lines[4]["sqrt_kl"] == 2.0
    assert verdict["fits"][0]["law"] == "rl" and verdict["fits"][0]["b"]["value"] > 0
    assert alarms[0]["rule"] == "gold" and alarms[0]["value"] < -1 and alarms[0]["first_step"] == 8
    assert alarms[0]["limit"] == 0.0
    assert alarms[0]["says"].startswith("screening signal: the judge's score has changed by -1.")


@pytest.mark.parametrize(
    ("fall", "weight", "steps"), [("stop", 5.0, 10), ("warn", 8.0, 16), ("off", 8.0, 16)]
)
def test_what_follows_a_fall_is_asked(tmp_path: Path, fall: Any, weight: float, steps: int) -> None:
    watched, network = made(tmp_path, Watch(every=1, judge="starter", fall=fall))
    assert learned(watched, network) == steps and network.weight.item() == weight
    assert [alarm["action"] for alarm in watched.alarms.raised] == ([] if fall == "off" else [fall])
    assert read_json(tmp_path / VERDICT)["rolled_back_to"] is None


def test_looks_are_as_far_apart_as_asked_and_one_is_the_last(tmp_path: Path) -> None:
    watched, network = made(tmp_path, Watch(every=3, judge="starter", fall="off"))
    learned(watched, network)
    assert [look["round"] for look in watched.looks] == [0, 3, 6, 8]


def test_a_fall_is_held_against_all_looks_that_are_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third of eight rounds: three looks after the first, the last of them too."""
    planned: list[int] = []
    plain = watching.judged

    def told(looks: Any, count: int, *rest: Any) -> Any:
        planned.append(count)
        return plain(looks, count, *rest)

    monkeypatch.setattr(watching, "judged", told)
    watched, network = made(tmp_path, Watch(every=3, judge="starter", fall="off"))
    learned(watched, network)
    assert planned == [3] * len(watched.looks)


def test_an_alarm_goes_back_to_the_best_look_or_without_a_judge_to_the_last(tmp_path: Path) -> None:
    """What round 7 says has drifted by 6, for those weights did after round 6, whose look is no more the last good one.

    Without a judge that is the look after round 5; with one it is the best, after round 3.
    """
    asked = Watch(every=1, fall="off", alarms={"drift": Alarm(limit=5.5, action="roll-back")})
    for judged, weight in ((True, 3.0), (False, 5.0)):
        folder = tmp_path / str(judged)
        folder.mkdir()
        watched, network = made(folder, asked, judged=judged)
        assert learned(watched, network, kl=lambda number: float((number - 1) // 2)) == 14
        assert network.weight.item() == weight
        assert watched.astray([5.0, 6.1]) and not watched.astray([5.0, 6.0])  # at its limit it is still well
        found = read_json(folder / VERDICT)
        assert found["stopped"]["rule"] == "drift" and (found["peak"] is not None) is judged


def test_without_looks_there_are_alarms_alone(tmp_path: Path) -> None:
    watched, network = made(tmp_path, Watch(alarms={"clipped": Alarm(rounds=1, action="stop")}), eyes=False)
    assert learned(watched, network, clipped=lambda number: float(number > 4)) == 6
    assert network.weight.item() == 3.0, "stopped with the weights of now"
    assert sorted(path.name for path in tmp_path.iterdir()) == [ALARMS]
    assert watched.best is None


def test_a_policy_has_not_drifted_from_itself(tmp_path: Path) -> None:
    parts = methods.bench(methods.families.folder(tmp_path / "gpt2", "gpt2"), reference=5)
    drifts = []
    for reference in (parts.policy, parts.reference):
        sampler = parts.speaker(parts.policy, "policy", "look", 1.0, 6)
        eyes = Onlooker(parts.policy, reference, sampler, methods.PROMPTS[:2], 2, 1.0, 512, methods.Lengths())
        drifts.append(eyes.look()["kl"])
    assert drifts[0] == [0.0, 0.0] and all(abs(drift) > 0.01 for drift in drifts[1])


def life(folder: Path, watch: Watch, until: int) -> tuple[int, float]:
    """One life: go on from the newest checkpoint, learn, die after a step; a checkpoint after every round."""
    watched, network = made(folder, watch)
    networks = {"policy": network, "best": watched.best}
    checkpoints, done = Checkpoints(folder / "state", facts={"key": "k"}), 0
    if found := checkpoints.newest():
        restore_networks(networks, found.tensors())  # type: ignore[arg-type]
        watched.restore(found.state["feed"])
        done = found.step
    for number, step in enumerate(watched, start=done + 1):
        with torch.no_grad():
            network.weight.fill_(step[0])
        watched(number, {"clipped": 0.9})
        if number == until:
            return number, network.weight.item()
        if watched.settled:
            checkpoints.save(number, network_tensors(networks), {"feed": watched.state()})  # type: ignore[arg-type]
        done = number
    return done, network.weight.item()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


SLOW = [pytest.param(deaths, marks=pytest.mark.slow) for deaths in ([1], [2], [7], [8, 9], [5, 8, 10])]


@pytest.mark.parametrize("deaths", [[3, 6], [10], *SLOW])
def test_a_killed_watch_knows_what_the_undisturbed_one_knows(tmp_path: Path, deaths: Sequence[int]) -> None:
    """Killed after any step, also the one whose look ends learning: the same files, weights and end."""
    watch = Watch(every=1, judge="starter")
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    killed.mkdir()
    end = life(calm, watch, 0)
    assert end == (10, 3.0)
    for step in deaths:
        life(killed, watch, step)
    assert life(killed, watch, 0) == end
    assert files(killed) == files(calm)
    assert json.loads(files(calm)[VERDICT])["rolled_back_to"] == 6
