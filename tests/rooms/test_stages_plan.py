"""What a recipe asks for, as tasks: their names, their keys, and which of them a change makes stale."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from concord.errors import SettingsError, StoreError
from concord.records.manifest import MADE_FROM, outdated
from concord.runs import Loaded, Run, load
from concord.stages.contestants import policies
from concord.stages.inputs import sources
from concord.stages.plan import key, made_from, plan, state, states

RECIPE = """\
base: {base}
rank: {{by: panel}}
rivals:
  dpo: {{method: dpo}}
  more: {{method: sft, demonstrations: more.jsonl}}
evaluate: {{best_of: [4]}}
"""
ALL = [
    "sft",
    "sample",
    "rank",
    "reward",
    "align",
    "rivals/dpo",
    "rivals/more",
    "answers/base",
    "answers/sft",
    "answers/ppo",
    "answers/dpo",
    "answers/more",
    "answers/best-of-4",
    "evaluate",
    "gate",
]
Asked = Callable[..., Loaded]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The recipe with some settings laid over it."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # nobody pulls the plug here
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (tmp_path / "data").mkdir()
    for name in ("data/prompts", "data/demonstrations", "data/held_out", "more", "ranked"):
        (tmp_path / f"{name}.jsonl").write_text(name)
    (tmp_path / "r.yaml").write_text(RECIPE.format(base="model"))

    def ask(*overrides: str) -> Loaded:
        return load(tmp_path / "r.yaml", overrides)

    return ask


@pytest.fixture
def run(asked: Asked, tmp_path: Path) -> Run:
    """A run in which everything is done."""
    loaded, made = asked(), Run(tmp_path / "run")
    for task in plan(loaded):
        name = key(task, loaded, made)
        assert name is not None
        made.begin(task.name, name)
        made.finish(task.name, {"key": name, "seconds": 1.0})
    return made


def below(*roots: str) -> list[str]:
    """These tasks and everything that stands on them."""
    stale: list[str] = []
    for name in ALL:
        if name in roots or set(AFTER[name]).intersection(stale):
            stale.append(name)
    return stale


AFTER: dict[str, Sequence[str]] = {
    "sft": (),
    "sample": ("sft",),
    "rank": ("sample",),
    "reward": ("sft", "rank"),
    "align": ("sft", "rank", "reward"),
    "rivals/dpo": ("sft", "rank", "reward"),
    "rivals/more": ("sft", "rank", "reward"),
    "answers/base": ("sft", "reward"),
    "answers/sft": ("sft", "reward"),
    "answers/ppo": ("sft", "reward", "align"),
    "answers/dpo": ("sft", "reward", "rivals/dpo"),
    "answers/more": ("sft", "reward", "rivals/more"),
    "answers/best-of-4": ("sft", "reward"),
    "evaluate": [name for name in ALL if name not in ("evaluate", "gate")],
    "gate": ("evaluate",),
}


def stale(loaded: Loaded, run: Run) -> list[str]:
    return [name for name, seen in states(loaded, run).items() if seen == "stale"]


def test_tasks_stand_in_order_and_after_what_they_need(asked: Asked) -> None:
    tasks = plan(asked())
    assert [task.name for task in tasks] == ALL
    assert {task.name: set(task.after) for task in tasks} == {
        name: set(after) for name, after in AFTER.items()
    }
    alone = [task.name for task in tasks if task.alone]
    assert alone == ["sft", "sample", "rank", "reward", "evaluate", "gate"]


def test_everything_is_done_and_stays_so(asked: Asked, run: Run) -> None:
    assert set(states(asked(), run).values()) == {"done"}


@pytest.mark.parametrize(
    ("setting", "first"),
    [
        ("seed=1", ["sft"]),
        ("learning.micro_tokens=100", ["sft"]),
        ("learning.threads=1", ["sft"]),
        ("sft.epochs=9", ["sft"]),
        ("sample.k=3", ["sample"]),
        ("rank.noise=2", ["rank"]),
        ("reward.epochs=9", ["reward"]),
        ("align.kl=0.5", ["align"]),
        (
            "gate.reward.accuracy=0.6",
            ["align"],
        ),  # which the reward model may stop; DPO and SFT do not read it
        ("rivals.dpo.beta=0.5", ["rivals/dpo"]),
        ("rivals.more.epochs=9", ["rivals/more"]),
        ("evaluate.curve=7", [name for name in ALL if name.startswith("answers/")]),
        ("gate.win_rate=0.9", ["gate"]),
        ("learning.watch.every=2", ["align", "rivals/dpo"]),
        ("learning.workers=1", []),
        ("learning.checkpoint_seconds=1", []),
    ],
)
def test_a_changed_setting_makes_stale_what_stands_on_it(
    asked: Asked, run: Run, setting: str, first: list[str]
) -> None:
    assert stale(asked(setting), run) == below(*first)


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("data/demonstrations.jsonl", ["sft"]),
        ("more.jsonl", ["rivals/more"]),
        ("data/prompts.jsonl", ["sample"]),
        ("data/held_out.jsonl", [name for name in ALL if name.startswith("answers/")]),
        ("model/config.json", ["sft"]),
    ],
)
def test_a_changed_file_makes_stale_what_was_made_from_it(
    asked: Asked, run: Run, tmp_path: Path, file: str, first: list[str]
) -> None:
    (tmp_path / file).write_text("something else")
    assert stale(asked(), run) == below(*first)


def test_a_recipe_may_move(asked: Asked, run: Run, tmp_path: Path) -> None:
    """Content counts, not where it lies."""
    for name in ("data", "model", "more.jsonl", "r.yaml"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    assert set(states(load(tmp_path / "elsewhere" / "r.yaml"), run).values()) == {"done"}


def test_what_stands_on_a_missing_stage_is_stale_and_nothing_else(asked: Asked, run: Run) -> None:
    run.forget("rivals/dpo")
    assert states(asked(), run)["rivals/dpo"] == "missing"
    assert stale(asked(), run) == ["answers/dpo", "evaluate", "gate"]
    run.begin("rivals/dpo", "k")
    assert states(asked(), run)["rivals/dpo"] == "partial"


def test_a_damaged_stage_is_called_so(asked: Asked, run: Run) -> None:
    (run.path("reward") / "MANIFEST.json").write_text("{")
    loaded = asked()
    reward = next(task for task in plan(loaded) if task.name == "reward")
    assert state(reward, loaded, run) == "damaged"
    found = states(loaded, run)
    assert [name for name, seen in found.items() if seen == "damaged"] == below("reward")
    assert found["rank"] == "done"


def test_the_base_matters_by_its_weights(asked: Asked, run: Run, tmp_path: Path) -> None:
    (tmp_path / "model" / "model.safetensors").write_text("weights")
    assert stale(asked(), run)[0] == "sft"
    with pytest.raises(StoreError, match="nowhere: No such file or directory"):
        key(plan(asked("base=nowhere"))[0], asked("base=nowhere"), run)


def test_policies_go_by_the_names_of_their_methods_and_rivals(asked: Asked) -> None:
    found = policies(asked("align.method=grpo"))
    assert found == {
        "base": "",
        "sft": "sft",
        "grpo": "align",
        "dpo": "rivals/dpo",
        "more": "rivals/more",
        "best-of-4": "sft",
    }


@pytest.mark.parametrize("name", ["ppo", "sft", "base", "best-of-4", "best-of-9"])
def test_a_rival_needs_a_name_of_its_own(asked: Asked, name: str) -> None:
    with pytest.raises(
        SettingsError, match=f"the rival {name} has the name of another policy. Call it other"
    ):
        plan(asked(f"rivals={{{name}: {{method: dpo}}}}"))


def test_to_align_by_imitation_is_what_sft_does(asked: Asked) -> None:
    with pytest.raises(SettingsError, match=r"`align.method` is sft, which is what the sft stage does"):
        plan(asked("align={method: sft}"))


def test_demonstrations_that_are_only_shown_in_context_are_looked_at(asked: Asked, tmp_path: Path) -> None:
    """Else they could hold what is asked in the end, or be missed when all else is done."""
    path = tmp_path / "data" / "demonstrations.jsonl"
    for epochs, readers in ((0, ("answers/in-context-2",)), (1, ("sft",))):
        loaded = asked("evaluate.in_context=2", f"sft.epochs={epochs}")
        assert [one.tasks for one in sources(loaded) if one.path == path] == [readers]
    assert not [one for one in sources(asked("sft.epochs=0")) if one.path == path]


def test_people_s_rankings_must_be_named(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"`rank.by` is file, so `rank.rankings` must name a file"):
        plan(asked("rank={by: file}"))
    rank = plan(asked("rank={by: file, rankings: ranked.jsonl}"))[2]
    assert rank.files == (tmp_path / "ranked.jsonl",)


def test_the_same_recipe_gives_the_same_keys(asked: Asked, run: Run, tmp_path: Path) -> None:
    loaded = asked()
    other = replace(loaded, source=Path("other.yaml"), overrides=("x=1",))
    for one, two in zip(plan(loaded), plan(other), strict=True):
        assert key(one, loaded, run) == key(two, other, Run(tmp_path / "run"))


def test_a_file_that_is_gone_is_no_damage(asked: Asked, run: Run, tmp_path: Path) -> None:
    """What was made from it is out of date, not broken: it need not be made `--again`."""
    (tmp_path / "data" / "prompts.jsonl").unlink()
    found = states(asked(), run)
    assert found["sft"] == "done" and found["sample"] == found["gate"] == "stale"


def test_files_that_change_places_make_stale_what_was_made_from_them(
    asked: Asked, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "general.jsonl").write_text("general")
    with_both = asked("sft.general=general.jsonl")
    task = next(one for one in plan(with_both) if one.name == "sft")
    before = key(task, with_both, run)
    shown, general = tmp_path / "data" / "demonstrations.jsonl", tmp_path / "general.jsonl"
    texts = shown.read_text(), general.read_text()
    shown.write_text(texts[1])
    general.write_text(texts[0])
    assert key(task, with_both, run) != before


def test_a_stage_knows_all_on_which_it_stands(asked: Asked, tmp_path: Path) -> None:
    """So a verdict can be told to be of an earlier policy though all that it read is gone."""
    loaded, made = asked(), Run(tmp_path / "run")
    for task in plan(loaded):
        made.begin(task.name, f"k-{task.name}")
        made.finish(task.name, {"key": f"k-{task.name}", MADE_FROM: made_from(task, made)})
    gate = made.finished("gate")
    assert gate is not None
    assert gate[MADE_FROM] == {name: f"k-{name}" for name in ALL if name != "gate"}
    assert not outdated(gate, {"align": "k-align"}) and outdated(gate, {"align": "other"})
    assert outdated(gate, {"sft": "k-sft", "align": None}) and not outdated({"key": "k"}, {"align": "other"})
