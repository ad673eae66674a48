"""The verbs that carry out stages, with stages that only write down that they were carried out."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from concord.cli.main import main
from concord.errors import GateRefused, SettingsError, StoreError
from concord.runs import Loaded, Run

NAMES = {
    "sft": (),
    "reward": ("sft",),
    "align": ("sft", "reward"),
    "rivals/dpo": ("sft",),
    "answers/ppo": ("align",),
    "evaluate": ("align", "rivals/dpo", "answers/ppo"),
    "gate": ("evaluate",),
}


@dataclass(frozen=True)
class Task:
    name: str
    after: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Outcome:
    name: str
    state: str
    seconds: float
    folder: Path


@dataclass
class Stages:
    """What the false stages were asked for, and what the gate shall say."""

    asked: list[tuple[Sequence[str], frozenset[str]]] = field(default_factory=list)
    go: bool = True
    stale: tuple[str, ...] = ()

    def plan(self, loaded: Loaded) -> list[Task]:
        return [
            Task(name, after, (loaded.folder / "data.jsonl",) if name == "sft" else ())
            for name, after in NAMES.items()
        ]

    def states(self, loaded: Loaded, run: Run) -> dict[str, str]:
        return {name: "stale" if name in self.stale else self.state(run, name) for name in NAMES}

    def state(self, run: Run, name: str) -> str:
        try:
            return "done" if run.finished(name) else "missing"
        except StoreError:
            return "damaged"

    def carry_out(
        self,
        loaded: Loaded,
        run: Run,
        names: Sequence[str],
        again: frozenset[str],
        say: Callable[[str], None],
    ) -> list[Outcome]:
        self.asked.append((list(names), again))
        outcomes = []
        for name in names:
            if run.finished(name) and name not in again:
                outcomes.append(Outcome(name, "skipped", 1.0, run.path(name)))
                continue
            folder = run.begin(name, "k")
            say(f"{name} ...")
            (folder / "out").write_text(name)
            if name == "gate":
                verdict = {"go": self.go, "because": ["Win rate is 51 %: that is open."]}
                (folder / "verdict.json").write_text(json.dumps(verdict))
                (run.folder / "report.html").write_text("")
            if name == "evaluate":
                pair = {
                    "a": "ppo",
                    "b": "sft",
                    "temperature": 1.0,
                    "kind": None,
                    "split": "new",
                    "prompts": 9,
                }
                numbers = {"win_rate": 0.6251, "low": 0.5, "high": 0.75}
                other = {**pair, **numbers, "kind": "harm"}
                report = {"comparisons": [{**pair, **numbers}, other]}
                (folder / "report.json").write_text(json.dumps(report))
            run.finish(name, {"key": "k", "seconds": 1.5})
            outcomes.append(Outcome(name, "done", 1.5, run.path(name)))
        return outcomes


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    made = Stages()
    plan, carry_out = ModuleType("concord.stages.plan"), ModuleType("concord.stages.carry_out")
    plan.plan, plan.states = made.plan, made.states  # type: ignore[attr-defined]
    carry_out.carry_out = made.carry_out  # type: ignore[attr-defined]
    for module in (ModuleType("concord.stages"), plan, carry_out):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text("seed: 1\n")
    return made


def test_run_does_everything_and_skips_it_the_next_time(
    stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "r.yaml"]) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [f"{name} ..." for name in NAMES]
    assert told.out.splitlines() == [
        *(f"{name:12} {'done in 1.5 s':26} runs/r/{name}" for name in NAMES),
        "Everything on one page: runs/r/report.html",
        "",
        "The gate says go.",
        "  Win rate is 51 %: that is open.",
    ]
    assert main(["run", "r.yaml", "--json"]) == 0
    told = capsys.readouterr()
    value = json.loads(told.out)
    assert value["outcomes"][0] == {"name": "sft", "state": "skipped", "seconds": 1.0, "folder": "runs/r/sft"}
    assert (value["run"], value["verdict"]["go"], value["page"]) == ("runs/r", True, "runs/r/report.html")
    assert main(["sft", "r.yaml"]) == 0
    assert capsys.readouterr().out == f"sft          {'skipped, finished before':26} runs/r/sft\n"


def test_a_no_go_is_an_exit_code(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    stages.go = False
    assert main(["run", "r.yaml"]) == GateRefused.exit_code
    told = capsys.readouterr()
    assert told.err.endswith("NO-GO: the gate does not let the candidate pass.\n")
    assert told.out.endswith("The gate says no-go.\n  Win rate is 51 %: that is open.\n")
    assert "gate         done" in told.out
    assert main(["gate", "r.yaml", "--json"]) == GateRefused.exit_code
    told = capsys.readouterr()
    value = json.loads(told.out)
    assert (value["error"]["kind"], value["error"]["exit"]) == ("GateRefused", GateRefused.exit_code)
    assert value["verdict"]["go"] is False
    assert main(["sft", "r.yaml"]) == 0


def test_again_redoes_a_stage_and_run_all_that_stand_on_it(stages: Stages) -> None:
    assert main(["run", "r.yaml"]) == 0
    assert main(["sft", "r.yaml", "--again"]) == 0
    assert stages.asked[-1] == (["sft"], frozenset({"sft"}))
    assert main(["evaluate", "r.yaml", "--again"]) == 0
    assert stages.asked[-1] == (["evaluate", "answers/ppo"], frozenset({"evaluate", "answers/ppo"}))
    assert main(["run", "r.yaml", "--again", "align"]) == 0
    assert stages.asked[-1] == (list(NAMES), frozenset({"align", "answers/ppo", "evaluate", "gate"}))
    assert main(["run", "r.yaml", "--again", "gate", "--again", "rivals/dpo"]) == 0
    assert stages.asked[-1][1] == frozenset({"rivals/dpo", "evaluate", "gate"})


def test_a_stage_names_the_one_that_it_needs(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "r.yaml", "prompts=a b", "--run", "x y"]) == SettingsError.exit_code
    assert capsys.readouterr().err == (
        "`align` needs the stage `sft`, which is missing in x y. "
        "Give `concord sft r.yaml 'prompts=a b' --run 'x y'` first, "
        "or `concord run r.yaml 'prompts=a b' --run 'x y'` for all stages.\n"
    )
    assert stages.asked == []
    for verb in ("sft", "reward", "align"):
        assert main([verb, "r.yaml"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "r.yaml"]) == SettingsError.exit_code
    assert "Give `concord align r.yaml --rival dpo` first" in capsys.readouterr().err
    stages.stale = ("sft",)
    assert main(["align", "r.yaml", "--rival", "dpo"]) == SettingsError.exit_code
    assert "`sft`, which is out of date: its settings or its inputs have changed" in capsys.readouterr().err
    stages.stale = ()
    assert main(["align", "r.yaml", "--rival", "dpo"]) == 0
    assert main(["evaluate", "r.yaml"]) == 0
    assert stages.asked[-1][0] == ["evaluate", "answers/ppo"]


def test_unknown_stages_and_rivals_are_named(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", "r.yaml", "--rival", "dop"]) == SettingsError.exit_code
    assert capsys.readouterr().err == "This recipe has no stage `rivals/dop`. Did you mean `rivals/dpo`?\n"
    assert main(["rank", "r.yaml"]) == SettingsError.exit_code
    assert capsys.readouterr().err == f"This recipe has no stage `rank`. Its stages are {', '.join(NAMES)}.\n"
    assert main(["run", "r.yaml", "--again", "evalute"]) == SettingsError.exit_code
    assert "Did you mean `evaluate`?" in capsys.readouterr().err
    assert main(["run", "s.yaml"]) == SettingsError.exit_code
    assert capsys.readouterr().err == "s.yaml: there is no such recipe. Did you mean r.yaml?\n"
    assert main(["run", "r.yaml", "align.kl=-1", "--json"]) == SettingsError.exit_code
    assert json.loads(capsys.readouterr().out)["error"]["message"] == (
        "command line, 'align.kl=-1': `align.kl` is -1; input should be greater than or equal to 0."
    )


def test_plan_foretells_and_touches_nothing(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "r.yaml", "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "In runs/r:",
        f"sft          run   (missing)  from {Path.cwd() / 'data.jsonl'}",
        "reward       run   (missing)  from sft",
    ]
    assert not Path("runs").exists()
    assert main(["run", "--run", "ü", "r.yaml", "seed=2"]) == 0
    stages.stale = ("reward",)
    (Path("ü") / "rivals" / "dpo" / "out").write_text("broken")
    capsys.readouterr()
    assert main(["run", "--json", "r.yaml", "--plan", "--run", "ü"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["run"] == "ü"
    will = {row["name"]: row["will"] for row in value["plan"]}
    assert (will["sft"], will["reward"], will["align"], will["gate"]) == ("skip", "run", "run", "run")
    assert value["plan"][2] == {
        "name": "align",
        "state": "done",
        "will": "run",
        "after": ["sft", "reward"],
        "files": [],
    }
    assert main(["sft", "r.yaml", "--plan", "--again", "--run", "ü"]) == 0
    assert "sft          run   (done)" in capsys.readouterr().out


def test_two_commands_cannot_share_a_run(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    from concord.runs import load

    with Run.open("runs/r", load("r.yaml")):
        assert main(["run", "r.yaml"]) == StoreError.exit_code
        assert "runs/r is in use by process" in capsys.readouterr().err
        assert main(["run", "r.yaml", "--plan"]) == 0
        assert main(["show", "runs/r"]) == 0


def test_show_tells_what_came_of_a_run(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "r.yaml"]) == 0
    capsys.readouterr()
    stages.stale = ("gate",)
    assert main(["show", "runs/r"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"runs/r: made from {Path.cwd() / 'r.yaml'}",
        *(f"  {name:12} {'stale' if name == 'gate' else 'done':8}      1.5 s" for name in NAMES),
        "  ppo over sft: 62.5% [50.0%, 75.0%] on new items, temperature 1.0",
        "No gate has decided about what lies here now. This is what was decided of something else:",
        "The gate says go.",
        "  Win rate is 51 %: that is open.",
        "Everything on one page: runs/r/report.html",
    ]


def test_show_names_what_is_damaged(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "r.yaml"]) == 0
    (Path("runs/r/reward") / "out").write_text("REWARD")
    (Path("runs/r/align") / "MANIFEST.json").unlink()
    capsys.readouterr()
    assert main(["show", "runs/r", "--json"]) == StoreError.exit_code
    value = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in value["stages"] if row["state"] == "damaged"] == ["reward", "align"]
    assert value["flaws"] == [
        "runs/r/reward/out has changed since it was written (sha256 differs)",
        "runs/r/align has no MANIFEST.json: it was never finished",
    ]
    assert value["win_rates"][0]["win_rate"] == 0.6251
    assert main(["show", "runs/r"]) == StoreError.exit_code
    assert "Damaged: runs/r/reward/out has changed" in capsys.readouterr().out
    assert main(["align", "r.yaml"]) == SettingsError.exit_code
    assert "Give `concord reward r.yaml --again` first" in capsys.readouterr().err


def test_show_works_without_a_recipe_that_can_be_read(
    stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "r.yaml"]) == 0
    Path("runs/r/resolved.yaml").write_text("from_a_later_version: 1\n")
    Path("runs/r/run.json").write_text("{")
    capsys.readouterr()
    assert main(["show", "runs/r", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert sorted(row["name"] for row in value["stages"]) == sorted(NAMES)
    assert value["made"] == {}


def test_show_names_the_nearest_run(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sft", "r.yaml", "--run", "runs/first"]) == 0
    for folder, expected in {
        "runs/frist": "runs/frist: there is no such run. Did you mean runs/first?",
        "nowhere/x": "nowhere/x: there is no such run. Check the path.",
        "runs": "runs is not a run folder: it has no run.json. Runs in it: runs/first.",
        "r.yaml": "r.yaml is a file, not a run folder. Did you mean runs/r?",
    }.items():
        capsys.readouterr()
        assert main(["show", folder]) == StoreError.exit_code
        assert capsys.readouterr().err == f"{expected}\n"
