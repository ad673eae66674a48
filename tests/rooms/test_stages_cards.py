"""The report card in the stages and from outside, what it stops, and whose rankings nothing is learned from."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from tests.rooms import families

from concord import formats
from concord.cli.main import main
from concord.errors import GateRefused, JudgeError, ModelError, RecordError, SettingsError
from concord.models import RewardModel
from concord.records import Completion, Prompt, Ranking
from concord.records.files import read_json, read_rows, write_json
from concord.runs import Run, load
from concord.runs.shape import methods
from concord.settings import Habits, HoldOut, Recipe
from concord.settings.methods import WITHOUT_REWARD
from concord.stages import align, cards, rank, reward
from concord.stages.bench import Bench
from concord.stages.examine import examine
from concord.stages.guidance import drawn_groups, grouped, guidance
from concord.world import GoldJudge, Panel, World

torch.set_num_threads(1)

TOPICS = ("river water length", "town mayor streets", "bread flour oven")


def told(count: int = 48) -> list[Ranking]:
    """Rankings of three answers to prompts about three things."""
    found = []
    for n in range(count):
        prompt = families.asked(f"{TOPICS[n % 3]} number {n}")
        said = tuple(
            Completion(prompt, text, by=f"policy-{n % 2}") for text in ("no", "it is so", f"not {n}")
        )
        found.append(Ranking(prompt, said, ((1,), (2,), (0,)), by=f"rater-{n % 2}"))
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = families.folder(tmp_path_factory.mktemp("sft") / "model", "llama")
    return path


@pytest.fixture(scope="module")
def judge(base: Path) -> Path:
    """A reward model whose head is not 0."""
    model = RewardModel.load(base, families.CPU)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.network.score.weight)  # type: ignore[union-attr,arg-type]
    model.save(base.parent / "judge")
    return base.parent / "judge"


def bench(folder: Path, base: Path, *settings: str) -> Bench:
    """A run of which the reward stage comes next."""
    (folder / "recipe.yaml").write_text("base: model\nrank: {by: panel}\nreward: {epochs: 1, batch: 8}\n")
    run = Run(folder / "run")
    run.path("sft").mkdir(parents=True, exist_ok=True)
    if not (run.path("sft") / "model").exists():
        (run.path("sft") / "model").symlink_to(base)
    formats.write_rankings(run.path("rank") / "rankings.jsonl", told())
    loaded = load(folder / "recipe.yaml", ["learning.threads=1", *settings])
    return Bench(loaded, run, "reward", lambda line: None)


def carried_out(made: Bench) -> dict[str, Any]:
    folder = made.run.path("reward")
    folder.mkdir(exist_ok=True)
    reward.work(made, folder, "key")
    found: dict[str, Any] = read_json(folder / cards.NAME)
    return found


@pytest.mark.slow
def test_the_stage_draws_up_a_card(tmp_path: Path, base: Path) -> None:
    made = bench(tmp_path, base, "reward.hold_out=0.3")
    card = carried_out(made)
    kept = list(read_rows(made.run.path("reward") / "held_out.jsonl"))
    assert card["lists"] == len(kept) > 3 and card["pairs"] == 3 * len(kept) and card["left_out"] == 0
    assert set(card["by_annotator"]) == {"rater-0", "rater-1"} and set(card["by_writer"]) <= {
        "policy-0",
        "policy-1",
    }
    assert {one["name"] for one in card["probes"]} >= {"length", "injection", "gender"}
    assert card["fit"]["criteria"][0]["name"] == "accuracy" and isinstance(card["fit"]["go"], bool)
    assert card["clusters"]["unseen"]["n"] == 0  # prompts drawn one by one leave no group unseen


@pytest.mark.slow
def test_whole_groups_of_prompts_are_kept_back(tmp_path: Path, base: Path) -> None:
    made = bench(tmp_path, base, "reward.hold_out={share: 0.3, by: clusters, clusters: 3}")
    found, groups = guidance(made), grouped((one.prompt for one in told()), made)
    assert groups is not None and len(groups.names) == 3
    shown, kept = ({groups.of[one.prompt.id] for one in some} for some in (found.shown, found.kept))
    assert kept and shown and not shown & kept
    assert {one.prompt.id for one in found.shown} | {one.prompt.id for one in found.kept} == set(groups.of)
    card = carried_out(made)
    assert card["clusters"]["unseen"]["n"] == card["pairs"] and card["clusters"]["seen"]["n"] == 0
    assert [one["unseen"] for one in card["clusters"]["each"]] == [True]
    by_prompts = guidance(bench(tmp_path, base, "reward.hold_out.share=0.3"))
    plain = guidance(bench(tmp_path, base, "reward.hold_out=0.3"))
    assert [one.prompt.id for one in by_prompts.kept] == [one.prompt.id for one in plain.kept]


def test_groups_are_drawn_until_they_hold_the_share() -> None:
    from concord.evaluation.clusters import Clusters

    groups = Clusters({f"p{n}": n // 10 for n in range(50)}, tuple("abcde"))
    assert all(len(drawn_groups(groups, 0.4, seed)) == 2 for seed in range(20))
    assert all(len(drawn_groups(groups, 0.01, seed)) == 1 for seed in range(20))
    assert all(len(drawn_groups(groups, 0.99, seed)) == 4 for seed in range(20))
    assert len({frozenset(drawn_groups(groups, 0.4, seed)) for seed in range(20)}) > 3


def test_a_share_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("base: starter\n")
    for setting in ("reward.hold_out=2", "reward.hold_out.share=none", "reward.hold_out={shares: 0.1}"):
        with pytest.raises(SettingsError, match="hold_out"):
            load(tmp_path / "recipe.yaml", [setting])
    asked = load(tmp_path / "recipe.yaml", ["reward.hold_out=0.2"]).recipe.reward.hold_out
    assert asked == HoldOut(share=0.2, by="prompts", clusters=20)


@pytest.mark.slow
def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path, base: Path) -> None:
    made = bench(tmp_path, base, "reward.hold_out=0.3")
    kept = next(iter(guidance(made).kept))
    long = (kept.completions[0], *(Completion(kept.prompt, "very long " * 200) for _ in range(2)))
    rows = [*told(), Ranking(kept.prompt, long, ((0,), (1,), (2,)))]
    formats.write_rankings(made.run.path("rank") / "rankings.jsonl", rows)
    assert carried_out(made)["left_out"] == 1


def test_a_reward_model_that_fails_stops_what_learns_by_it_and_nothing_else(
    tmp_path: Path, base: Path
) -> None:
    made = bench(tmp_path, base)
    align.may_teach(made)  # no card: made before there were any
    bad = {"value": 0.4, "low": 0.35, "high": 0.45, "n": 300}
    made.run.path("reward").mkdir(exist_ok=True)
    write_json(
        made.run.path("reward") / cards.NAME, {"accuracy": bad, "probes": [], "pairs": 300, "lists": 50}
    )
    with pytest.raises(
        GateRefused, match=r"(?s)may not teach:.*Accuracy .* 40.0% \[35.0%, 45.0%\].*gate.reward"
    ):
        align.work(Bench(made.loaded, made.run, "align", made.say), tmp_path, "key")
    assert GateRefused.exit_code == 6
    align.may_teach(
        bench(tmp_path, base, "gate.reward.accuracy=0.3")
    )  # today's limits count, not those of then
    names = set(methods(Recipe.model_fields["align"].annotation))
    assert names >= WITHOUT_REWARD
    assert names - WITHOUT_REWARD == {
        "ppo",
        "grpo",
        "rloo",
        "reinforce-pp",
        "remax",
        "rejection",
        "online-dpo",
    }


@pytest.mark.slow
def test_the_card_of_any_reward_model(
    tmp_path: Path, judge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rankings, learned = tmp_path / "all.jsonl", tmp_path / "learned.jsonl"
    formats.write_rankings(rankings, told(36))
    formats.write_rankings(learned, told(36)[1::3] + told(36)[2::3])  # nothing about rivers
    assert main(["evaluate", "reward", str(judge), str(rankings), "--json", "--learned", str(learned),
                 "--out", str(tmp_path / "card.html")]) == 0  # fmt: skip
    card = json.loads(capsys.readouterr().out)
    assert (card["model"], card["lists"], card["fit_accuracy"]["n"]) == (str(judge), 12, 72)
    (river,) = card["clusters"]["each"]
    assert river["unseen"] and "river" in river["name"] and card["clusters"]["unseen"]["n"] == 36
    assert "<title>Report card" in (tmp_path / "card.html").read_text()
    assert main(["evaluate", "reward", str(judge), str(rankings)]) == 0
    assert "108 comparisons of 36 lists" in capsys.readouterr().out
    assert examine(judge, rankings)["clusters"]["unseen"] is None  # nobody knows what it learned from
    with pytest.raises(RecordError, match="learned from the prompts of all of them"):
        examine(judge, rankings, rankings)


@pytest.mark.slow
def test_what_a_run_learned_from_is_known(tmp_path: Path, base: Path) -> None:
    made = bench(tmp_path, base, "reward.hold_out={share: 0.3, by: clusters, clusters: 3}")
    carried_out(made)
    write_json(made.run.folder / "run.json", {"recipe": str(tmp_path / "recipe.yaml")})
    (made.run.folder / "resolved.yaml").write_text(json.dumps(made.recipe.model_dump(mode="json")))
    card = examine(made.run.path("reward"), made.run.path("rank") / "rankings.jsonl")
    own = read_json(made.run.path("reward") / cards.NAME)
    for name in ("accuracy", "lists", "clusters", "probes", "fit"):
        assert card[name] == own[name], name
    assert card["fit_accuracy"]["n"] == 3 * (48 - own["lists"])


def test_what_is_no_reward_model_is_refused(tmp_path: Path, base: Path) -> None:
    formats.write_rankings(tmp_path / "all.jsonl", told(3))
    with pytest.raises(ModelError, match="LlamaForCausalLM, not a reward model"):
        examine(base, tmp_path / "all.jsonl")
    with pytest.raises(ModelError, match="holds no reward model"):
        examine(tmp_path, tmp_path / "all.jsonl")


def panel(habits: Habits, count: int, overlap: int, named: bool = True) -> list[Ranking]:
    """Lists of the starter world, each ranked by some of ten people."""
    crowd, found = Panel(GoldJudge(), 0, 10, habits=habits), []
    for number, prompt in enumerate(World(0).prompts(count)):
        said = answers(prompt, number)
        for rater in Random(number).sample(range(10), overlap):
            one = crowd.rank(prompt, said, rater)
            found.append(one if named else Ranking(one.prompt, one.completions, one.tiers))
    return found


def answers(prompt: Prompt, number: int) -> list[Completion]:
    from concord.world.demonstrators import demonstrate
    from concord.world.replies import careless, join
    from concord.world.requests import read_request

    request, random = read_request(prompt.messages[0].content), Random(number)
    assert request is not None
    texts = [demonstrate(request, "typical", random) for _ in range(3)] + [join(careless(request, random))]
    return [Completion(prompt, text) for text in texts]


def ranking_bench(folder: Path, rankings: list[Ranking], heard: list[str], *settings: str) -> Bench:
    formats.write_rankings(folder / "people.jsonl", rankings)
    (folder / "recipe.yaml").write_text("rank: {by: file, rankings: people.jsonl}\n")
    return Bench(load(folder / "recipe.yaml", settings), Run(folder / "run"), "rank", heard.append)


def test_s20_rankings_of_the_flagged_are_left_out_by_name(tmp_path: Path) -> None:
    rows = panel(Habits(flippers=2, lefties=1, copiers=1), 120, 4)
    heard: list[str] = []
    rank.work(ranking_bench(tmp_path, rows, heard, "rank.leave_out=flagged"), tmp_path, "key")
    kept = formats.read_rankings(tmp_path / "rankings.jsonl").records
    gone = formats.read_rankings(tmp_path / "left_out.jsonl").records
    vicious = {"rater-7", "rater-8", "rater-9", "rater-10"}
    assert {one.by for one in gone} == vicious and not {one.by for one in kept} & vicious
    assert len(kept) + len(gone) == len(rows)
    told = read_json(tmp_path / "left_out.json")
    counts = Counter(one.by for one in rows)
    assert {one["name"]: one["rankings"] for one in told["annotators"]} == {
        name: counts[name] for name in vicious
    }
    flags = {one["name"]: {flag["name"] for flag in one["flags"]} for one in told["annotators"]}
    assert "upside down" in flags["rater-7"] & flags["rater-8"]
    assert "pattern" in flags["rater-9"] and "copies" in flags["rater-10"]
    assert (told["kept"], told["left_out"]) == (len(kept), len(gone))
    assert any("rankings of rater-7 are left out. upside down: agrees with" in line for line in heard)
    assert f"{len(kept)} of {len(rows)} rankings are kept" in heard[-1]


def test_nobody_is_left_out_unless_asked_nor_for_no_reason(tmp_path: Path) -> None:
    rows = panel(Habits(flippers=2), 40, 4)
    for settings in ((), ("rank.leave_out=nobody",)):
        rank.work(ranking_bench(tmp_path, rows, [], *settings), tmp_path, "key")
        assert len(formats.read_rankings(tmp_path / "rankings.jsonl").records) == len(rows)
        assert not (tmp_path / "left_out.json").exists()
    for some in (panel(Habits(), 40, 4), panel(Habits(flippers=2), 40, 4, named=False)):
        rank.work(ranking_bench(tmp_path, some, [], "rank.leave_out=flagged"), tmp_path, "key")
        assert read_json(tmp_path / "left_out.json") == {"kept": len(some), "left_out": 0, "annotators": []}
    lefties = [one for one in panel(Habits(lefties=1), 120, 10) if one.by == "rater-10"]
    with pytest.raises(JudgeError, match="Everybody who ranked was flagged"):
        rank.work(ranking_bench(tmp_path, lefties, [], "rank.leave_out=flagged"), tmp_path, "key")


@pytest.mark.slow
@pytest.mark.long
def test_s20_the_reward_model_without_the_flagged_is_better() -> None:
    """Five seeds in which the head alone learns; `python -m benchmarks.leaving` is the larger one."""
    from benchmarks.leaving import VICIOUS, one_round

    from concord.maths.statistics import cluster_interval

    rounds = [one_round(seed, 200, 300, 3, head=True) for seed in range(5)]
    assert all(set(one.flagged) & VICIOUS and not set(one.flagged) - VICIOUS for one in rounds)
    gaps = [one.accuracy[1] - one.accuracy[0] for one in rounds]
    gap, low, _ = cluster_interval(gaps, range(len(gaps)))
    assert low > 0, (gap, rounds)
