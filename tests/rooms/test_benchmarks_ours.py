"""Our side of the benchmark still speaks to the engine: every stage works a turn, and agrees with plain networks."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the benchmark is no part of the package

from benchmarks import folders, generation, plan  # noqa: E402
from benchmarks.side import Side  # noqa: E402
from benchmarks.spec import Spec  # noqa: E402


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("bench")
    folders.make(found / "models", "tiny")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage",
    [stage if stage == "ppo" else pytest.param(stage, marks=pytest.mark.long) for stage in plan.STAGES],
)
def test_every_stage_works_a_turn(stage: str, root: Path) -> None:
    many = plan.STAGES[stage].completions
    asked = Spec("ours", stage, "tiny", 2, many, "float32", 1, {"step": 2}, root=str(root), new=4)
    side = Side("ours", asked)
    try:
        assert side.hear()["ready"]
        turn = side.turn()
    finally:
        side.close()
    assert turn["cpu"] > 0
    tokens = sum(len(row.prompt) + sum(map(len, row.completions)) for row in asked.rows())
    if stage in ("sft", "reward", "reward-list", "dpo"):
        assert turn["processed"] >= tokens  # a prompt counts at least once
    if stage == "rollout":
        assert 2 * many <= turn["tokens"] <= 2 * many * 4


@pytest.mark.slow
def test_what_we_said_is_as_likely_to_a_plain_network(root: Path) -> None:
    import torch

    asked = Spec(
        "ours", "rollout", "tiny", 2, 3, "float32", 1, {"step": 1}, check=True, root=str(root), new=8
    )
    side = Side("ours", asked)
    try:
        side.hear()
        told = side.turn()
    finally:
        side.close()
    network, total, count = generation.network(asked), 0.0, 0
    for prompt, said in told["said"]:
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([prompt + said])).logits[0].double()
        total -= float(logits.log_softmax(-1)[range(len(prompt) - 1, len(prompt + said) - 1), said].sum())
        count += len(said)
    assert told["loss"] == pytest.approx(total / count, rel=1e-5)
