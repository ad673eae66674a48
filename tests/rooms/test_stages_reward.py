"""The stage of reward models on a tiny model: alone as ever, and with members, ratings, aspects, steps, segments."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families

from concord import formats
from concord.errors import RecordError, SettingsError
from concord.models import RewardModel
from concord.records import MARKS, Completion, Ranking, Rating, StepLabels
from concord.records.files import read_json, read_rows, write_json
from concord.runs import Run, load
from concord.scoring import Aspects, Combined, Ensemble, Learned, Process, Segments
from concord.stages import opinion, reward
from concord.stages.bench import Bench
from concord.stages.guidance import times
from concord.stages.plan import content
from concord.stages.serve import scorer_of

torch.set_num_threads(1)

ASKED = [families.asked(f"what is {n}?") for n in range(12)]
SAID = [
    tuple(Completion(one, text, finish="stop") for text in ("no", "it is so", f"{n}\nnot {n}"))
    for n, one in enumerate(ASKED)
]
SAID_ALL = [one for some in SAID for one in some]
RANKINGS = [
    Ranking(one, said, ((1,), (2,), (0,)) if n % 3 else ((1, 2), (0,)), aspect=("kind", "fair")[n % 2])
    for n, (one, said) in enumerate(zip(ASKED, SAID, strict=True))
]
RATINGS = [
    Rating(said[n % 3], float(1 + n % 5), by="ab"[n % 2], aspect="fair") for n, said in enumerate(SAID)
]
LABELS = [
    StepLabels(said[2], (f"{n}\n", f"not {n}"), (MARKS[n % 3], MARKS[(n + 1) % 3]))
    for n, said in enumerate(SAID)
]


@pytest.fixture(scope="module")
def sft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("sft") / "model", "llama")


def bench(folder: Path, sft: Path, one_aspect: bool, *settings: str) -> Bench:
    """A run whose first stages are done, as far as the reward stage looks at them."""
    (folder / "recipe.yaml").write_text("base: model\nrank: {by: panel}\nreward: {epochs: 1, batch: 4}\n")
    run = Run(folder / "run")
    (run.path("sft")).mkdir(parents=True, exist_ok=True)
    if not (run.path("sft") / "model").exists():
        (run.path("sft") / "model").symlink_to(sft)
        told = [Ranking(r.prompt, r.completions, r.tiers) for r in RANKINGS] if one_aspect else RANKINGS
        formats.write_rankings(run.path("rank") / "rankings.jsonl", told)
        formats.write_ratings(folder / "ratings.jsonl", RATINGS)
        formats.write_steps(folder / "steps.jsonl", LABELS)
    loaded = load(folder / "recipe.yaml", ["learning.threads=1", "reward.hold_out=0.3", *settings])
    return Bench(loaded, run, "reward", lambda line: None)


def carried_out(made: Bench) -> tuple[Path, Any]:
    """The stage's folder, and the scorer that later stages will find there."""
    folder = made.run.path("reward")
    torch.manual_seed(made.seed)
    folder.mkdir(exist_ok=True)
    reward.work(made, folder, "key")
    return folder, made.scorer


def weights(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.safetensors"))}


@pytest.mark.slow
def test_an_ensemble_is_served_and_known_by_how_its_members_make_one_score(tmp_path: Path, sft: Path) -> None:
    folder, scorer = carried_out(bench(tmp_path, sft, True, "reward.members.count=2"))
    write_json(folder.parent / "run.json", {})
    served, name = scorer_of(folder.parent, "cpu")
    assert served.score(SAID_ALL) == pytest.approx(scorer.score(SAID_ALL), abs=1e-6)
    assert scorer_of(folder, "cpu")[1] == name == opinion.name_of(folder)
    write_json(folder / opinion.NAME, {**read_json(folder / opinion.NAME), "penalty": 0.9})
    assert opinion.name_of(folder) != name
    (folder / opinion.NAME).unlink()
    shutil.copytree(folder / "members" / "reward-1" / "model", folder / opinion.MODEL)
    assert opinion.name_of(folder) == content(folder / opinion.MODEL)  # as logs have always called it


@pytest.mark.slow
def test_alone_as_ever(tmp_path: Path, sft: Path) -> None:
    """One model and no more: no description, a classifier of one label, scores of what was kept back."""
    folder, scorer = carried_out(bench(tmp_path, sft, True))
    assert not (folder / opinion.NAME).exists() and not (folder / "judges.json").exists()
    assert isinstance(scorer, Learned) and scorer.model.heads == ("overall",)
    rows = list(read_rows(folder / "held_out.jsonl"))
    assert 0 < len(rows) < len(RANKINGS) and all("spreads" not in row for row in rows)
    kept = [one for one in RANKINGS if one.prompt.id == rows[0]["prompt_id"]]
    assert scorer.score(kept[0].completions) == pytest.approx(rows[0]["scores"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("differ", ["order", "prompts"])
def test_t25_members_differ_and_their_spread_is_told(differ: str, tmp_path: Path, sft: Path) -> None:
    made = bench(tmp_path, sft, True, "reward.members.count=2", f"reward.members.differ={differ}")
    folder, scorer = carried_out(made)
    assert isinstance(scorer, Ensemble) and scorer.penalty == 0.5
    each = [Learned(RewardModel.load(folder / f"members/reward-{n}/model", made.compute)) for n in (1, 2)]
    said = torch.tensor([one.score(SAID_ALL) for one in each]).double()
    assert len({tuple(row) for row in said.tolist()}) == 2
    what = read_json(folder / opinion.NAME)
    means, spreads = (
        torch.tensor([part[name] for part in what["parts"]]).double()[:, None] for name in ("mean", "spread")
    )
    said = (said - means) / spreads
    wanted = said.mean(0) - 0.5 * said.std(0, correction=0)
    assert scorer.score(SAID_ALL) == pytest.approx(wanted.tolist(), abs=1e-3)
    assert scorer.told["disagreement"] == pytest.approx(float(said.std(0, correction=0).mean()), abs=1e-3)
    assert what["disagreement"] > 0
    rows = list(read_rows(folder / "held_out.jsonl"))
    assert all(len(row["spreads"]) == len(row["scores"]) for row in rows)
    steps = list(read_rows(folder / "metrics.jsonl"))
    assert [row["step"] for row in steps] == list(range(1, len(steps) + 1))
    assert [row["member"] for row in steps] == sorted(row["member"] for row in steps)
    assert opinion.first(folder) == folder / "members/reward-1/model"


class Killed(BaseException):
    """What kill -9 would do, without the wait."""


@pytest.mark.slow
def test_t25_killed_within_an_ensemble_and_resumed_is_bit_equal(
    tmp_path: Path, sft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the first member, between two, and in the second after a checkpoint: all weights as undisturbed."""
    asked = (
        "reward.members.count=2",
        "reward.members.differ=prompts",
        "reward.epochs=3",
        "learning.checkpoint_seconds=0",
    )
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole, _ = carried_out(bench(tmp_path / "whole", sft, True, *asked))
    from concord.training import Diary

    count, write = [0], Diary.__call__

    def mortal(self: Diary, number: int, notes: Any) -> None:
        count[0] += 1
        if count[0] in deaths:
            raise Killed
        write(self, number, notes)

    steps = len(list(read_rows(whole / "metrics.jsonl")))
    deaths = {2, steps // 2 + 3, steps // 2 + 6}
    monkeypatch.setattr(Diary, "__call__", mortal)
    tries = 0
    while True:
        tries += 1
        try:
            folder, _ = carried_out(bench(tmp_path / "cut", sft, True, *asked))
            break
        except Killed:
            continue
    assert tries == 4
    assert weights(folder) == weights(whole)
    assert read_json(folder / opinion.NAME) == read_json(whole / opinion.NAME)

    def lines(place: Path) -> list[dict[str, Any]]:
        untimed = ("seconds", "tokens_per_second", "memory_mb")
        return [
            {k: v for k, v in row.items() if k not in untimed} for row in read_rows(place / "metrics.jsonl")
        ]

    assert lines(folder) == lines(whole)


@pytest.mark.slow
def test_t25_aspects_have_heads_of_their_own(tmp_path: Path, sft: Path) -> None:
    """Rankings and ratings of two aspects; each head is standardised on what was learned from."""
    made = bench(tmp_path, sft, False, "reward.aspects={kind: 1, fair: 3}", "reward.ratings.file=ratings.jsonl",
                 "reward.ratings.raters=leaning")  # fmt: skip
    folder, scorer = carried_out(made)
    assert isinstance(scorer, Aspects) and scorer.model.heads == ("kind", "fair")
    assert scorer.weights == (1, 3) and all(spread > 0 for spread in scorer.spreads)
    judges = read_json(folder / "judges.json")
    assert set(judges["leanings"]) == {"a", "b"} and set(judges["scales"]) == {"fair"}
    assert opinion.first(folder) is None


@pytest.mark.slow
def test_t25_an_aspect_may_be_known_by_ratings_alone_but_not_by_nothing(tmp_path: Path, sft: Path) -> None:
    """Rankings are of `overall`, ratings of `fair`; nothing speaks of `odd`."""
    asked = ("reward.ratings.file=ratings.jsonl", "reward.aspects={overall: 1, fair: 1}")
    folder, scorer = carried_out(bench(tmp_path, sft, True, *asked))
    assert isinstance(scorer, Aspects) and all(spread > 0 for spread in scorer.spreads)
    assert {row["aspect"] for row in read_rows(folder / "held_out.jsonl")} == {"overall"}
    made = bench(tmp_path, sft, True, asked[0], "reward.aspects={overall: 1, fair: 1, odd: 1}")
    with pytest.raises(RecordError, match="Nothing that is learned from speaks of odd"):
        carried_out(made)


@pytest.mark.slow
def test_t25_members_by_aspect(tmp_path: Path, sft: Path) -> None:
    made = bench(tmp_path, sft, False, "reward.aspects={kind: 1, fair: 3}", "reward.members.differ=aspects")
    _, scorer = carried_out(made)
    assert isinstance(scorer, Ensemble) and len(scorer.parts) == 2
    assert all(part.scorer.model.heads == ("overall",) for part in scorer.parts)


@pytest.mark.slow
def test_t30_a_process_beside_the_reward_model_and_alone(tmp_path: Path, sft: Path) -> None:
    for name in ("beside", "alone"):
        (tmp_path / name).mkdir()
    folder, scorer = carried_out(bench(tmp_path / "beside", sft, True, "reward.steps.file=steps.jsonl"))
    assert isinstance(scorer, Combined) and isinstance(scorer.parts[1].scorer, Process)
    kept = list(read_rows(folder / "held_out_steps.jsonl"))
    assert kept and all(len(row["correct"]) == len(row["marks"]) == 2 for row in kept)
    asked = ("reward.steps.file=steps.jsonl", "reward.steps.alone=true", "reward.steps.reading=weakest")
    folder, scorer = carried_out(bench(tmp_path / "alone", sft, True, *asked))
    assert isinstance(scorer, Process) and scorer.reading == "weakest" and scorer.model.heads == MARKS
    assert (folder / "model").is_dir() and not (folder / "process").exists()


@pytest.mark.slow
def test_t17_ratings_alone_and_t24_segments(tmp_path: Path, sft: Path) -> None:
    asked = ("reward.ratings.file=ratings.jsonl", "reward.ratings.alone=true", "reward.segments.cut=line")
    folder, scorer = carried_out(bench(tmp_path, sft, True, *asked))
    assert isinstance(scorer, Segments) and scorer.cut == "line"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all("error" in line and "surprise" not in line for line in lines)
    assert opinion.first(folder) == folder / "model"


def test_guidance_of_aspects_that_nobody_named_is_refused(tmp_path: Path, sft: Path) -> None:
    made = bench(tmp_path, sft, True, "reward.aspects={kind: 1}", "reward.ratings.file=ratings.jsonl")
    with pytest.raises(RecordError, match=r"rankings.jsonl speaks of the aspects overall, and .* names kind"):
        carried_out(made)
    made = bench(tmp_path, sft, True, "reward.aspects={overall: 1}", "reward.ratings.file=ratings.jsonl")
    with pytest.raises(RecordError, match=r"ratings.jsonl speaks of the aspects fair, and .* names overall"):
        carried_out(made)


def test_rankings_of_two_aspects_are_refused_where_they_are_not_told_apart(tmp_path: Path, sft: Path) -> None:
    """Also if they were told apart when the stage before took them in."""
    with pytest.raises(RecordError, match="guidance by 2 aspects \\(fair, kind\\)"):
        carried_out(bench(tmp_path, sft, False))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["reward.ratings.alone=true"], "name ratings.file too"),
        (["reward.members.differ=aspects"], "name at least two"),
        (
            ["reward.segments.cut=line", "reward.members.count=2"],
            "segments divide the score of one reward model",
        ),
    ],
)
def test_settings_that_do_not_fit_together(settings: Sequence[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("base: starter\n")
    with pytest.raises(SettingsError, match=said):
        load(tmp_path / "recipe.yaml", list(settings))


def test_t25_draws_with_replacement_follow_poissons_law() -> None:
    """1/e of the prompts are drawn never, as many once, half as many twice; one a prompt on average."""
    counts = [times((n + 0.5) / 10000) for n in range(10000)]
    assert [round(counts.count(k) / 10000, 4) for k in range(3)] == [0.3679, 0.3679, 0.1839]
    assert sum(counts) / 10000 == pytest.approx(1, abs=1e-3)
