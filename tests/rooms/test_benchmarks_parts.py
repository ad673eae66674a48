"""The benchmark's own parts: rows, counts of work, turns and the comparison of two results."""

import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the benchmark is no part of the package

from benchmarks import compare, folders, machine, plan, rows, side, spec, table  # noqa: E402

from concord.batches import Template  # noqa: E402
from concord.records import Completion, Message, Prompt  # noqa: E402


def test_rows_follow_from_the_seed_and_are_as_long_as_dialogues_are() -> None:
    made = rows.make(400, 2, 4096, seed=1)
    assert made == rows.make(400, 2, 4096, seed=1)
    assert made != rows.make(400, 2, 4096, seed=2)
    asked = [len(row.prompt) - 2 for row in made]
    said = [len(one) - 1 for row in made for one in row.completions]
    assert statistics.median(asked) == pytest.approx(math.exp(4.316), rel=0.02)
    assert statistics.median(said) == pytest.approx(math.exp(3.404), rel=0.1)
    assert max(asked) == 512 and min(asked) >= 1 and max(said) <= 256 and min(said) >= 1
    assert all(
        one[-1] == rows.END and min(one[:-1]) >= len(rows.SPECIAL) for row in made for one in row.completions
    )


def test_few_rows_are_spread_like_many() -> None:
    few = statistics.mean(len(row.prompt) for row in rows.make(16, 1, 4096, seed=1))
    many = statistics.mean(len(row.prompt) for row in rows.make(4000, 1, 4096, seed=1))
    assert few == pytest.approx(many, rel=0.05)


def test_our_template_gives_the_very_ids_that_peers_get() -> None:
    template = Template(folders.tokenizer(4096))
    for row in rows.make(8, 2, 4096, seed=3):
        prompt = Prompt((Message("user", row.words),))
        for said in row.completions:
            rendered = template.completion(Completion(prompt, rows.text(said[:-1]), finish="stop"))
            assert rendered.tokens == row.prompt + said
            assert rendered.scored == [False] * len(row.prompt) + [True] * len(said)


def test_work_is_counted_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = {
        "vocab_size": 10,
        "hidden_size": 4,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 3,
    }
    monkeypatch.setitem(folders.SHAPES, "toy", shape)
    row = rows.Row([1, 1, 1, 1], [[1, 1], [1, 1, 1]])
    body = 2 * (2 * 16 + 2 * 8 + 3 * 12)  # 168 parameters of the layers
    # apart, the prompt stands twice: 13 tokens, 5 of them scored, (8 + 8 + 2) + (8 + 12 + 4.5) pairs
    apart = 6 * (body * 13 + 40 * 5) + 12 * 2 * 4 * 42.5
    assert machine.flops("dpo", "toy", [row], 13) == apart
    # shared, it stands once: 9 tokens, and its own 8 pairs count once
    assert machine.flops("dpo", "toy", [row], 9) == 6 * (body * 9 + 40 * 5) + 12 * 2 * 4 * 34.5
    assert machine.flops("reward", "toy", [row], 13) == apart - 6 * 40 * 5


def test_a_spec_survives_its_journey() -> None:
    asked = spec.Spec("ours", "dpo", "tiny", 4, 2, "float32", 1, {"step": 4}, check=True)
    assert spec.read(asked.written()) == asked


WORKER = """
from benchmarks.turns import Turns
turns = Turns(steps=2)
turns.ready()
print("a library talks")
while True:
    turns.step(tokens=3)
"""


def test_a_turn_is_its_steps_and_what_libraries_print_stays_out() -> None:
    orders = '{"turn": 1}\n{"turn": 1}\n{"end": true}\n'
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        input=orders,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    ready, first, second, end = map(json.loads, done.stdout.splitlines())
    assert ready["ready"] and end["ended"] and "a library talks" in done.stderr
    assert first["tokens"] == second["tokens"] == 6
    assert first["wall"] > 0 and first["cpu"] >= 0 and first["peak_mb"] > 1


def test_a_side_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    peer = tmp_path / "trl-0" / "bin" / "python"
    peer.parent.mkdir(parents=True)
    peer.write_text("#!/bin/sh\necho no such trainer >&2\nexit 3\n", encoding="utf-8")
    peer.chmod(0o755)
    asked = spec.Spec("trl-0", "sft", "tiny", 1, 1, "float32", 1, root=str(tmp_path))
    started = side.Side("best", asked)
    with pytest.raises(side.SideFailed, match=r"best ended with code 3 .*no such trainer"):
        started.hear()
    started.close()


def result(**ratios: float) -> dict[str, object]:
    row = {"stage": "dpo", "model": "tiny", "threads": 1, "neighbour": False}
    return {"rows": [{**row, "ratios": {name: {"median": value} for name, value in ratios.items()}}]}


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (result(best=5.0), result(best=4.6), 0),
        (result(best=5.0), result(best=4.4), 1),
        (result(best=5.0, default=10.0), result(best=6.0, default=8.0), 1),
        (result(best=5.0), {"rows": []}, 1),
        (result(best=5.0), {"rows": [{**result()["rows"][0], "failed": "dead"}]}, 1),  # type: ignore[index]
    ],
    ids=["less-than-a-tenth", "a-tenth", "one-of-two", "nothing-in-common", "failed"],
)
def test_what_a_change_cost_shows(before: object, after: object, code: int, tmp_path: Path) -> None:
    for name, value in {"before": before, "after": after}.items():
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
    assert compare.main(str(tmp_path / "before"), str(tmp_path / "after")) == code


def test_the_small_model_has_a_bar_of_its_own() -> None:
    row = {"stage": "dpo", "model": "small", "bars": plan.STAGES["dpo"].bars}
    assert table.bar_of(row, "best") == 7 and table.bar_of(row, "default") == 10
    assert table.bar_of({**row, "model": "tiny"}, "best") == 6


def test_quick_is_the_first_part_of_the_whole() -> None:
    names = list(plan.STAGES)
    quick, whole = list(plan.cells(names, True, 2)), list(plan.cells(names, False, 2))
    assert whole[: len(quick)] == quick
    assert {(cell.threads, cell.busy) for cell in whole if cell.model == "tiny"} == {
        (1, False),
        (2, False),
        (1, True),
        (2, True),
    }
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize(
    ("who", "busy", "policy", "turns"),
    [
        ("ours", False, "PASSIVE", "1000"),
        ("ours", True, "PASSIVE", None),
        ("trl-1.16", False, None, None),  # as torch comes: awake
        ("trl-1.16", True, "PASSIVE", None),
    ],
)
def test_threads_of_each_side_wait_as_is_best_for_it(
    who: str, busy: bool, policy: str | None, turns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    found = side.environment(spec.Spec(who, "sft", "tiny", 1, 1, "float32", 2, busy=busy))
    assert (found.get("OMP_WAIT_POLICY"), found.get("GOMP_SPINCOUNT")) == (policy, turns)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # what a person sets is set for all
    found = side.environment(spec.Spec(who, "sft", "tiny", 1, 1, "float32", 2, busy=busy))
    assert (found["OMP_WAIT_POLICY"], found.get("GOMP_SPINCOUNT")) == ("ACTIVE", None)
