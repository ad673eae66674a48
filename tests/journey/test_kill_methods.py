"""kill -9 in the midst of every method: in rollouts, half-read steps, moving references, critics, prices that adapt.

Each stage is killed in a process of its own at moments drawn over its whole length, and the same order is given
again until it is done. `CONCORD_METHOD_KILLS` says how many kills a method gets.
"""

import hashlib
import multiprocessing
import os
import random
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from concord.errors import StoreError
from concord.runs import Run, load
from concord.stages.carry_out import carry_out

KILLS = int(os.environ.get("CONCORD_METHOD_KILLS", "3"))
SPEAKS = "rollout: {rounds: 3, prompts: 3, samples: 3, passes: 2, updates: 2, longest: 10}"
STEPS = "epochs: 2, batch: 4"
METHODS = {
    "ppo": f"method: ppo, critic_rounds: 1, target_kl: 0.1, {SPEAKS}",
    "ppo-shared": f"method: ppo, critic_rounds: 1, critic: {{begins: shared}}, {SPEAKS}",
    "grpo": f"method: grpo, {SPEAKS}",
    "grpo-price": f"method: grpo, target_kl: 0.1, loss: {{form: dapo, drift: k3}}, {SPEAKS}",
    "rloo": f"method: rloo, {SPEAKS}",
    "reinforce-pp": f"method: reinforce-pp, baseline: group, {SPEAKS}",
    "remax": f"method: remax, {SPEAKS}",
    "dpo": f"method: dpo, {STEPS}",
    "dpo-averaged": f"method: dpo, reference: {{method: averaged}}, {STEPS}",
    "dpo-renewed": f"method: dpo, reference: {{method: renewed, every: 2}}, {STEPS}",
    "online-dpo": f"method: online-dpo, {SPEAKS.replace('updates: 2', 'updates: 3')}",
    "kto": f"method: kto, {STEPS}",
    "simpo": f"method: simpo, {STEPS}",
    "cpo": f"method: cpo, {STEPS}",
    "orpo": f"method: orpo, {STEPS}",
    "rejection": "method: rejection, samples: 2, rounds: 2, longest: 10, batch: 4",
    "sft": f"method: sft, demonstrations: data/demonstrations.jsonl, hold_out: 0.3, {STEPS}",
}
WAYS = [(name, 0) for name in METHODS] + [("ppo", 4), ("grpo", 4), ("dpo", 4), ("sft", 4)]
"""Every method with all its weights, and some with adapters of this rank."""


@dataclass
class Moments:
    """The checkpoints of a stage while it learns: weights, optimiser and chance of a step, by their sha256."""

    folder: Path
    seen: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.over.is_set():
            self.look()
            time.sleep(0.002)

    def look(self) -> None:
        with suppress(OSError):  # what is being tidied away, or is not in its place yet, is seen another time
            for path in sorted((self.folder / "state").glob("[0-9]*")):
                if path.name not in self.seen:
                    whole = (path / "tensors.safetensors").read_bytes()
                    self.seen[path.name] = hashlib.sha256(whole).hexdigest()


def recipe(cut: Path, method: str, adapter: int) -> Any:
    """The tiny recipe with this method as the rival `one`; a step takes several batches, and each is saved."""
    settings = [
        "rivals={one: {" + METHODS[method] + "}}",
        f"learning.adapter={adapter}",
        "learning.micro_tokens=160",
        "learning.workers=1",
    ]
    return load(cut / "recipe.yaml", settings)


def learn(loaded: Any, run: Path) -> None:
    with Run.open(run, loaded) as place:
        carry_out(loaded, place, ["rivals/one"], frozenset(), lambda line: None)


def copied(begun: Path, run: Path) -> Path:
    return Path(shutil.copytree(begun, run))


@pytest.fixture(scope="module")
def beginnings(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run with all that comes before the method, with adapters of some rank or without."""
    made: dict[int, Path] = {}

    def of(adapter: int) -> Path:
        if adapter not in made:
            made[adapter] = tmp_path_factory.mktemp(f"adapter-{adapter}") / "run"
            loaded = recipe(cut, "dpo", adapter)
            with Run.open(made[adapter], loaded) as place:
                carry_out(loaded, place, ["sft", "sample", "rank", "reward"], frozenset(), lambda line: None)
        return made[adapter]

    return of


def killed(loaded: Any, run: Path, after: float) -> bool:
    """Learn, and kill the process that learns after so many seconds; whether it had not ended by then."""

    def strike() -> None:
        for child in multiprocessing.active_children():
            if child.name == "rivals/one":
                child.kill()

    timer = threading.Timer(after, strike)
    timer.start()
    try:
        learn(loaded, run)
    except StoreError as error:
        assert "it was killed" in str(error), error
        return True
    finally:
        timer.cancel()
        timer.join()
    return False


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.kills
@pytest.mark.parametrize(("method", "adapter"), WAYS, ids=str)
def test_no_kill_in_a_method_leaves_a_trace(
    method: str, adapter: int, cut: Path, whole: Any, beginnings: Any, tmp_path: Path
) -> None:
    loaded, begun = recipe(cut, method, adapter), beginnings(adapter)
    calm = copied(begun, tmp_path / "calm")
    moments = Moments(calm / "rivals" / "one.partial")
    watcher = threading.Thread(target=moments.watch)
    watcher.start()
    began = time.monotonic()
    learn(loaded, calm)
    seconds = time.monotonic() - began
    moments.over.set()
    watcher.join()
    expected = whole.results(calm)
    assert any(name.endswith("model.safetensors") for name in expected if name.startswith("rivals/one/"))

    chance, kills, lives, same = random.Random(f"{method} {adapter}"), 0, 0, 0
    while kills < KILLS:
        run = copied(begun, tmp_path / f"killed-{lives}")
        left = Moments(run / "rivals" / "one.partial")
        for blow in range(4):
            mortal = kills < KILLS and blow < 3
            if not killed(loaded, run, chance.uniform(0, seconds) if mortal else 600):
                break
            kills += 1
            left.look()
        lives += 1
        assert whole.results(run) == expected
        for step in left.seen.keys() & moments.seen.keys():
            same += 1
            assert left.seen[step] == moments.seen[step], f"weights or optimiser differ at step {step}"
    print(
        f"\n{method} {adapter}: {kills} kills, {lives} runs bit-equal, {same} moments compared, {seconds:.1f} s calm"
    )
