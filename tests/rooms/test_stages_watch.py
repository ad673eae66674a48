"""Who watches in the stages: never who teaches; and what is watched is left out of what is learned."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.rooms import families

from concord import formats
from concord.errors import JudgeError, ModelError, SettingsError
from concord.models import Policy, RewardModel
from concord.records import Completion, Ranking
from concord.records.files import read_rows
from concord.runs import Run, load
from concord.scoring import Learned
from concord.stages import align, inputs, opinion, watch
from concord.stages.bench import Bench
from concord.stages.plan import plan

torch.set_num_threads(1)

ASKED = [families.asked(f"what is {n}?") for n in range(12)]
SAID = {one.id: tuple(Completion(one, text, finish="stop") for text in ("no", "it is so")) for one in ASKED}
RANKINGS = [Ranking(one, SAID[one.id], ((1,), (0,))) for one in ASKED]
FEW = ("learning.watch.every=1", "learning.watch.prompts=4", "learning.watch.longest=4")
ROUNDS = "align.rollout={rounds: 2, prompts: 2, samples: 2, updates: 1, passes: 1, longest: 4}"


class Letters:
    """A witness who likes the letter e."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [float(one.text.count("e")) for one in completions]


@pytest.fixture(scope="module")
def sft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("sft") / "model", "llama")


def reward_model(sft: Path, folder: Path, shift: float = 0.0) -> None:
    torch.manual_seed(1)
    model = RewardModel.load(sft, families.CPU)
    with torch.no_grad():
        next(iter(model.network.parameters())).add_(shift)
    model.save(folder)


def bench(folder: Path, sft: Path, *settings: str, method: str = "grpo") -> Bench:
    """A run whose first stages are done, as far as the align stage looks at them."""
    asked = f"base: model\nrank: {{by: panel}}\nalign: {{method: {method}}}\n"
    (folder / "recipe.yaml").write_text(asked, encoding="utf-8")
    run = Run(folder / "run")
    if not run.path("sft").exists():
        run.path("sft").mkdir(parents=True)
        (run.path("sft") / "model").symlink_to(sft)
        (run.path("sft") / "MANIFEST.json").write_text(
            json.dumps({"files": {"a.safetensors": {"sha256": "00"}}})
        )
        formats.write_rankings(run.path("rank") / "rankings.jsonl", RANKINGS)
        formats.write_prompts(folder / "data" / "prompts.jsonl", ASKED)
        reward_model(sft, run.path("reward") / "model")
    loaded = load(
        folder / "recipe.yaml",
        ["learning.threads=1", "learning.precision=float32", "reward.hold_out=0.3", *settings],
    )
    run.partial("align").mkdir(exist_ok=True)
    return Bench(loaded, run, "align", lambda line: None)


def test_who_teaches_may_not_watch(tmp_path: Path, sft: Path) -> None:
    """By its weights, whatever its folder is called; one with other weights may."""
    made = bench(tmp_path, sft, "learning.watch.every=1", "learning.watch.judge=copy")
    reward_model(sft, tmp_path / "copy")
    assert watch.taught(made) == [made.run.path("reward") / "model"]
    with pytest.raises(SettingsError, match=r"same weights as .*reward/model"):
        watch.witness(made)
    reward_model(sft, tmp_path / "copy", shift=0.5)
    assert isinstance(watch.witness(made), Learned)
    assert watch.witness(bench(tmp_path, sft)) is None


def test_members_of_an_ensemble_and_who_ranked_may_not_either(tmp_path: Path, sft: Path) -> None:
    made = bench(tmp_path, sft, "rank.by=scorer", "rank.scorer=ranker")
    what = {
        "kind": "ensemble",
        "penalty": 1,
        "parts": [{"scorer": {"kind": "learned", "folder": f"members/{n}"}} for n in "ab"],
    }
    (made.run.path("reward") / opinion.NAME).write_text(json.dumps(what))
    own = made.run.path("reward") / "members"
    assert watch.taught(made) == [own / "a", own / "b", tmp_path / "ranker"]


def test_who_ranks_is_refused_before_anything_starts(tmp_path: Path, sft: Path) -> None:
    asked = ("rank.by=scorer", "rank.scorer=judge", "learning.watch.every=1", "learning.watch.judge=judge")
    with pytest.raises(SettingsError, match=r"also `rank\.scorer`"):
        plan(bench(tmp_path, sft, *asked).loaded)


def test_a_judge_that_cannot_judge_is_told_before_anything_starts(tmp_path: Path, sft: Path) -> None:
    said: list[str] = []
    made = bench(
        tmp_path, sft, "rank.by=file", "rank.rankings=run/rank/rankings.jsonl", "learning.watch.every=1"
    )
    inputs.check(made.loaded, ["align"], said.append, tmp_path / "cache")
    starter = bench(
        tmp_path,
        sft,
        "rank.by=file",
        "rank.rankings=run/rank/rankings.jsonl",
        "learning.watch.every=1",
        "learning.watch.judge=starter",
    )
    with pytest.raises(JudgeError, match=r"`learning\.watch\.judge` is starter"):
        inputs.check(starter.loaded, ["align"], said.append, tmp_path / "cache")
    absent = bench(tmp_path, sft, "learning.watch.every=1", "learning.watch.judge=nobody")
    with pytest.raises(ModelError, match=r"learning\.watch\.judge"):
        inputs.check(absent.loaded, ["align"], said.append, tmp_path / "cache")


def test_what_is_watched_is_learned_from_by_nobody(tmp_path: Path, sft: Path) -> None:
    """Of twelve prompts those go first whose rankings the reward model never saw."""
    made = bench(tmp_path, sft, "learning.watch.every=1", "learning.watch.prompts=5")
    onlooker = align.looking(made, None)
    assert not align.looking(bench(tmp_path, sft, *FEW), Letters()).rankings, (
        "who is judged needs no rankings"
    )
    watched = {prompt.id for prompt in onlooker.prompts}
    kept = {one.prompt.id for one in onlooker.rankings}
    assert len(watched) == 5 and kept <= watched and len(kept) > 0
    assert {one.id for one in made.prompts} == {one.id for one in ASKED} - watched
    assert {one.prompt.id for one in made.rankings} == {one.id for one in ASKED} - watched
    with pytest.raises(SettingsError, match="has 12 prompts"):
        align.looking(bench(tmp_path, sft, "learning.watch.every=1", "learning.watch.prompts=12"), None)


def test_looks_change_nothing_and_are_the_same_again(tmp_path: Path, sft: Path) -> None:
    """Eyes are shut while they look: chance stands where it stood, and the same weights look the same."""
    made = bench(tmp_path, sft, *FEW)
    onlooker = align.looking(made, None)
    made.policy.network.train()
    before = torch.get_rng_state()
    first = onlooker.look()
    assert torch.equal(torch.get_rng_state(), before) and made.policy.network.training
    assert onlooker.look() == first
    assert first["kl"] == [0.0] * 4, "the policy is its own reference"
    assert first["agreement"] == [0.5] * len(first["ranked"])
    assert len(first["samples"]) == 3 and set(first["samples"][0]) == {"prompt", "text"}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grpo", "dpo"])
def test_a_stage_under_watch(tmp_path: Path, sft: Path, method: str) -> None:
    """From the stage's door to its files, with a method that speaks in rounds and one that reads."""
    asked = [ROUNDS] if method == "grpo" else ["align.batch=4"]
    made = bench(tmp_path, sft, *FEW, *asked, method=method)
    folder = made.run.partial("align")
    torch.manual_seed(made.seed)
    align.work(made, folder, "key", Letters())
    lines = list(read_rows(folder / "watch.jsonl"))
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert all({"gold", "proxy", "kl", "sqrt_kl", "past_peak"} <= line.keys() for line in lines)
    assert lines[0]["kl"]["value"] == 0.0
    metrics = list(read_rows(folder / "metrics.jsonl"))
    assert [row["watch.gold"] for row in metrics] == [line["gold"]["value"] for line in lines[1:]]
    if method == "grpo":
        assert {"moved", "group_spread", "repeated", "truncated"} <= metrics[0].keys()
        assert metrics[0]["moved"] < 1e-4, "no weight has moved since the round was spoken"
    assert (folder / "alarms.jsonl").exists() and (folder / "model").is_dir()


def test_without_a_watch_nothing_is_set_aside(tmp_path: Path, sft: Path) -> None:
    made = bench(tmp_path, sft, ROUNDS)
    align.work(made, made.run.partial("align"), "key", None)
    assert len(made.prompts) == len(ASKED)
    assert sorted(path.name for path in made.run.partial("align").iterdir() if path.is_file()) == [
        "alarms.jsonl",
        "metrics.jsonl",
    ]


def test_a_rival_that_imitates_for_no_epoch_is_the_base_and_reads_nothing(tmp_path: Path, sft: Path) -> None:
    asked = "rivals={x: {method: sft, epochs: 0, hold_out: 0.2, demonstrations: nowhere.jsonl}}"
    made = bench(tmp_path, sft, asked)
    (tmp_path / "model").symlink_to(sft)
    rival, folder = replace(made, stage="rivals/x"), tmp_path / "rival"
    align.work(rival, folder, "key")
    before, after = (Policy.load(one, families.CPU).network.state_dict() for one in (sft, folder / "model"))
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
