"""The whole journey, small: twice the same, with people's rankings, with adapters, and told to machines."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from concord.cli.main import main

FEW = "rivals={dpo: {method: dpo, batch: 4}}"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, found: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_files_and_says_so_to_machines(
    tiny: Any, whole: Any, cut: Path, finished: Any, tmp_path: Path
) -> None:
    told = json.loads(finished.out)
    assert told["verdict"]["go"] is True
    assert [one["name"] for one in told["outcomes"]][:4] == ["sft", "sample", "rank", "reward"]
    assert {one["state"] for one in told["outcomes"]} == {"done"}
    assert (
        "24 demonstrations, 12 prompts, 32 demonstrations for rivals/imitation, 16 held-out prompts"
        in (finished.err.splitlines()[0])
    )
    # Neither where it lies nor how often it is saved nor what runs beside it makes a difference.
    elsewhere = type(tiny)(Path(shutil.copytree(tiny.folder, tmp_path / "else where")))
    settings = ("learning.checkpoint_seconds=60", "learning.workers=2")
    second = elsewhere.carry_out("run", tmp_path / "b", *settings)
    assert second.returncode == 0, second.stderr
    one, two = tiny.results(finished.run), tiny.results(tmp_path / "b")
    passing = {"recipe.yaml", "resolved.yaml"}
    assert {k: v for k, v in one.items() if k not in passing} == {
        k: v for k, v in two.items() if k not in passing
    }

    third = whole(cut).carry_out("run", Path(shutil.copytree(finished.run, tmp_path / "a")), "--json")
    assert {one["state"] for one in json.loads(third.stdout)["outcomes"]} == {"skipped"}


@pytest.mark.slow
def test_show_tells_what_a_run_holds(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(begun), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = {row["name"]: row["state"] for row in told["stages"]}
    assert found["reward"] == "done"
    assert found["align"] == "missing"
    sealed = json.loads((begun / "reward" / "MANIFEST.json").read_text(encoding="utf-8"))
    assert set(sealed["facts"]["made_from"]) == {"sft", "sample", "rank"}
    assert told["verdict"] is None
    assert told["flaws"] == []


@pytest.mark.slow
@pytest.mark.long
def test_imitation_alone_and_a_single_rival(tiny: Any, begun: Path, tmp_path: Path) -> None:
    for name in ("prompts", "held_out", "more_demonstrations"):
        tiny.data(name).rename(tiny.folder / name)
    alone = tiny.carry_out("sft", tmp_path / "alone")  # needs nothing but its demonstrations
    assert alone.returncode == 0, alone.stderr
    assert (tmp_path / "alone" / "sft" / "model" / "config.json").exists()
    for name in ("prompts", "held_out", "more_demonstrations"):
        (tiny.folder / name).rename(tiny.data(name))
    run = Path(shutil.copytree(begun, tmp_path / "run"))
    rival = tiny.carry_out("align", run, "--rival", "dpo", "--json")
    assert rival.returncode == 0, rival.stderr
    assert [one["name"] for one in json.loads(rival.stdout)["outcomes"]] == ["rivals/dpo"]
    assert not (run / "align").exists()


@pytest.mark.slow
def test_people_s_own_rankings_of_their_own_prompts(tiny: Any, begun: Path, tmp_path: Path) -> None:
    """Preference pairs as TRL has them, nothing of the starter world, and a reward model as the judge."""

    def asked(number: int) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"Say the number {number} in words."}]

    def answer(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    shown = [{"prompt": {"messages": asked(n)}, "completion": f"It is {n}."} for n in range(12)]
    write(tiny.data("demonstrations"), shown)
    write(tiny.data("prompts"), [{"messages": asked(n)} for n in range(20, 32)])
    write(tiny.data("held_out"), [{"messages": asked(n)} for n in range(50, 60)])
    pairs = [
        {"prompt": asked(n), "chosen": answer(f"It is {n}."), "rejected": answer("No.")} for n in range(24)
    ]
    write(tiny.folder / "pairs.jsonl", pairs)
    judge = shutil.copytree(begun / "reward" / "model", tiny.folder / "judge")
    run = tmp_path / "run"
    found = tiny.carry_out(
        "run", run, FEW, "rank={by: file, rankings: pairs.jsonl}", f"evaluate.judge={judge.name}"
    )
    assert found.returncode == 0, found.stderr
    assert "12 demonstrations, 12 prompts, 24 rankings, 10 held-out prompts" in found.stderr
    answers = rows(run / "evaluate" / "answers.jsonl")
    assert {one["policy"] for one in answers} == {"base", "sft", "ppo", "dpo", "best-of-2"}
    assert {(one["kind"], one["split"]) for one in answers} == {(None, None)}
    assert all(one["marks"] == {} and isinstance(one["gold"], float) for one in answers)
    assert {(one["kind"], one["split"]) for one in rows(run / "reward" / "held_out.jsonl")} == {(None, None)}
    assert "NaN" not in (run / "report.json").read_text()


@pytest.mark.slow
def test_adapters_all_the_way(tiny: Any, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    run = tmp_path / "run"
    found = tiny.carry_out("run", run, FEW, "learning.adapter=4")
    assert found.returncode == 0, found.stderr
    sft = load_file(run / "sft" / "model" / "model.safetensors")
    ppo = load_file(run / "align" / "model" / "model.safetensors")
    assert sft.keys() == ppo.keys()  # plain folders: adapters are merged
    assert not any("lora" in name for name in ppo)
    assert any((sft[name] != ppo[name]).any() for name in sft)


@pytest.mark.slow
def test_the_demo_makes_its_own_inputs_and_goes_on_after_a_stop(
    cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from concord.stages import demo

    def few(folder: Path) -> list[Path]:
        shutil.copytree(cut, folder, dirs_exist_ok=True)
        text = (cut / "recipe.yaml").read_text()
        start, stop = text.index("rivals:"), text.index("evaluate:")
        (folder / "recipe.yaml").write_text(text[:start] + text[stop:])
        return []

    monkeypatch.setattr(demo, "init", few)
    run = tmp_path / "demo"
    assert main(["demo", "--run", str(run), "--seeds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"run": str(run), "report": str(run / "report.html")}
    assert (run / "report.html").exists()
    assert (tmp_path / "demo-seed-1" / "report.html").exists()
    seeds = json.loads((run / "seeds.json").read_text())
    assert seeds
    before = (run / "sft" / "MANIFEST.json").stat().st_mtime_ns
    assert main(["demo", "--run", str(run), "--seeds", "1"]) == 0
    assert (run / "sft" / "MANIFEST.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_who_scores_while_a_policy_learns_is_the_reward_model(begun: Path, cut: Path) -> None:
    """The judge of the evaluation is no part of the bench that a method learns from."""
    from dataclasses import fields

    from concord.algorithms import course
    from concord.runs import Run, load
    from concord.scoring import Learned
    from concord.stages.bench import Bench
    from concord.world import GoldJudge

    loaded = load(cut / "recipe.yaml", ["evaluate.judge=starter"])
    bench = Bench(loaded, Run(begun), "align", print)
    assert isinstance(bench.scorer, Learned)
    assert bench.scorer.model is bench.reward_model
    assert not any(parameter.requires_grad for parameter in bench.reward_model.network.parameters())
    offered = {name for name in vars(course.Bench) if not name.startswith("_")}
    parts = [
        getattr(bench, name) for name in ("policy", "reference", "critic", "scorer", "prompts", "rankings")
    ]
    assert not any(isinstance(part, GoldJudge) for part in parts)
    assert "judge" not in offered | {field.name for field in fields(bench)}
