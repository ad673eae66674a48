"""Bad input, as a user gives it: a sentence that names the place and the way out, and nothing lost."""

import json
import shutil
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from concord.cli.main import main

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command says, and its exit code; nothing may have begun to learn."""

    def ask(*more: str, verb: str = "run", run: Path | None = None) -> tuple[int, str]:
        place = run or tmp_path / "run"
        code = main([verb, str(tiny.recipe), *more, "--run", str(place)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert not list(place.glob("sft*")) if place.is_dir() else True
        return code, captured.err.strip()

    return ask


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, found: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def test_a_slip_in_the_recipe(tiny: Any, said: Said) -> None:
    text = tiny.recipe.read_text().replace("critic_rounds: 1", "critic_round: 1")
    tiny.recipe.write_text(text)
    line = text[: text.index("critic_round")].count("\n") + 1
    code, words = said()
    assert code == 2
    assert words.startswith(f"{tiny.recipe}:{line}: `align.critic_round` is not a setting of PPO.")
    assert "Did you mean `critic_rounds`?" in words


@pytest.mark.parametrize("name", ["demonstrations", "more_demonstrations", "prompts", "held_out"])
@pytest.mark.parametrize("fault", ["missing", "empty", "latin", "wrong"])
def test_every_file_is_read_before_anything_starts(tiny: Any, said: Said, name: str, fault: str) -> None:
    path = tiny.data(name)
    field = "prompt.messages[0].content" if "demonstrations" in name else "messages[0].content"
    lines = path.read_bytes().splitlines(keepends=True)
    if fault == "missing":
        path.rename(path.with_name(f"{name}-old.jsonl"))
        expected = f"{path} does not exist. Did you mean"
    elif fault == "empty":
        path.write_bytes(b"")
        expected = f"{path} is empty: it has no rows."
    elif fault == "latin":
        lines[7] = '{"text": "Käse"}\n'.encode("latin-1")
        path.write_bytes(b"".join(lines))
        expected = f"{path}:8: byte 11 of the line (0xe4) is not UTF-8"
    else:
        row = json.loads(lines[7])
        row.get("prompt", row)["messages"][0]["content"] = 7
        lines[7] = json.dumps(row).encode() + b"\n"
        path.write_bytes(b"".join(lines))
        expected = f"{path}:8: `{field}` is 7; "
    code, words = said()
    assert code == 3, words
    assert expected in words


def test_an_unknown_role(tiny: Any, said: Said) -> None:
    found = rows(tiny.data("prompts"))
    found[4]["messages"][0]["role"] = "wizard"
    write(tiny.data("prompts"), found)
    code, words = said()
    assert code == 3
    assert (
        f'{tiny.data("prompts")}:5: `messages[0].role` is "wizard"; it must be one of system, user' in words
    )


def test_a_ranking_of_one_answer(tiny: Any, said: Said) -> None:
    prompt = rows(tiny.data("prompts"))[0]
    path = write(
        tiny.folder / "ranked.jsonl", [{"prompt": prompt, "completions": [{"text": "a"}], "tiers": [[0]]}]
    )
    code, words = said("rank.by=file", "rank.rankings=ranked.jsonl")
    assert code == 3
    assert f"{path}:1: `completions` holds 1; a ranking needs at least two answers" in words


def test_rankings_that_are_not_named_or_not_there(tiny: Any, said: Said) -> None:
    code, words = said("rank.by=file")
    assert code == 2
    assert "`rank.by` is file, so `rank.rankings` must name a file of rankings" in words
    code, words = said("rank.by=file", "rank.rankings=nowhere.jsonl")
    assert code == 3
    assert f"{tiny.folder / 'nowhere.jsonl'} does not exist." in words


@pytest.mark.parametrize(
    ("setting", "asked"),
    [
        ("base", "base=nowhere"),
        ("evaluate.judge", "evaluate.judge=nowhere"),
        ("align.teacher", "align={method: distill, teacher: nowhere}"),
        ("rivals.small.teacher", "rivals={small: {method: distill, teacher: nowhere}}"),
    ],
)
def test_a_model_that_is_not_there(tiny: Any, said: Said, setting: str, asked: str) -> None:
    code, words = said(asked)
    assert code == 4
    assert f"{tiny.recipe}: `{setting}` is nowhere, but {tiny.folder / 'nowhere'} is not a folder." in words
    (tiny.folder / "nowhere").mkdir()
    code, words = said(asked)
    assert code == 4 and "holds no config.json" in words


def test_held_out_prompts_that_were_learned_from(tiny: Any, said: Said) -> None:
    shown = rows(tiny.data("demonstrations"))
    for row, other in zip(shown, rows(tiny.data("held_out"))[:5], strict=False):
        text = other["messages"][0]["content"]
        row["prompt"] = {"messages": [{"role": "user", "content": f"  {text.upper()} ".replace(" ", "\n ")}]}
    write(tiny.data("demonstrations"), shown)
    code, words = said()
    assert code == 3
    first = f"{tiny.data('held_out')}: 5 of 16 held-out prompts also stand in {tiny.data('demonstrations')}"
    assert words.splitlines()[-4].startswith(first)
    assert len(words.splitlines()[-3:]) == 3


def test_a_demonstration_that_is_held_out(tiny: Any, said: Said) -> None:
    shown = rows(tiny.data("more_demonstrations"))
    shown[3]["prompt"] = rows(tiny.data("held_out"))[9]
    write(tiny.data("more_demonstrations"), shown)
    code, words = said()
    assert code == 3
    assert f"1 of 16 held-out prompts also stand in {tiny.data('more_demonstrations')}" in words


@pytest.mark.parametrize("place", ["/proc/run", "/dev/null/run", "{data}/run"])
def test_a_run_where_nothing_can_be_written(said: Said, tiny: Any, place: str) -> None:
    run = Path(place.format(data=tiny.data("prompts")))
    code, words = said(run=run)
    assert code == 8
    assert words.startswith(str(run))
    assert "Choose another folder" in words or "Check the" in words


def test_two_runs_in_one_folder(tiny: Any, said: Said, tmp_path: Path) -> None:
    from concord.runs import Run, load

    with Run.open(tmp_path / "run", load(tiny.recipe)):
        code, words = said()
    assert code == 8
    assert words.startswith(f"{tmp_path / 'run'} is in use by process ")
    assert "name another folder with --run" in words


def test_ratings_that_are_no_numbers(tmp_path: Path) -> None:
    from concord.errors import RecordError
    from concord.formats import read_ratings

    path = tmp_path / "ratings.jsonl"
    start = '{"completion": {"prompt": {"messages": [{"role": "user", "content": "a"}]}, "text": "b"}, '
    path.write_text(f'{start}"aspect": "help", "value": NaN}}\n')
    with pytest.raises(RecordError, match=r"ratings.jsonl:1: .*NaN"):
        read_ratings(path)
    path.write_text(f'{start}"aspect": "help", "value": 1e999}}\n')
    with pytest.raises(RecordError, match=r"ratings.jsonl:1: "):
        read_ratings(path)


@pytest.fixture
def copy(begun: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(begun, tmp_path / "copy"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.slow
def test_a_prompt_longer_than_the_context_is_found_before_learning(tiny: Any, tmp_path: Path) -> None:
    held_out = rows(tiny.data("held_out"))
    told = {"role": "system", "content": "You know where the town hall is. " * 99}
    held_out[2] = {"id": "long", "messages": [told, *held_out[2]["messages"]]}
    write(tiny.data("held_out"), held_out)
    found = tiny.carry_out("run", tmp_path / "run")
    assert found.returncode == 3
    assert f"{tiny.data('held_out')}: 1 of 16 prompts leave no room for an answer" in found.stderr
    assert "such as long (" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "run" / "sft.partial" / "metrics.jsonl").exists()


@pytest.mark.slow
def test_a_damaged_stage_is_named_and_kept(cut: Path, whole: Any, copy: Path) -> None:
    flip(copy / "sft" / "model" / "model.safetensors")
    found = whole(cut).carry_out("run", copy)
    assert found.returncode == 8
    assert f"{copy}/sft/model/model.safetensors has changed since it was written" in found.stderr
    assert "--again" in found.stderr
    assert "Traceback" not in found.stderr
    assert (copy / "reward" / "MANIFEST.json").exists()
    shown = whole(cut).carry_out("run", copy, "--plan")
    assert shown.stdout.splitlines()[1].split()[:3] == ["sft", "stop", "(damaged)"]
    again = whole(cut).carry_out("sft", copy, "--again")
    assert again.returncode == 0, again.stderr
    assert (copy / "sample" / "MANIFEST.json").exists()
    # It is the same to the last bit, so what stands on it is as good as before.
    states = whole(cut).carry_out("run", copy, "--plan").stdout.splitlines()
    assert [line.split()[1] for line in states[1:5]] == ["skip"] * 4


MANY, LONG = ("sft.epochs=8",), (pytest.mark.slow, pytest.mark.long)


@pytest.mark.parametrize("damaged", [pytest.param(one, marks=LONG) for one in ("newest", "all")])
def test_a_damaged_checkpoint_is_passed_over(
    cut: Path, whole: Any, calm: Any, tmp_path: Path, damaged: str
) -> None:
    tiny, run, expected = whole(cut), tmp_path / "run", calm(*MANY)
    process, states = tiny.begin(run, tmp_path.name, *MANY, verb="sft"), run / "sft.partial" / "state"
    while process.poll() is None and not (states / "000008").exists():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert tiny.gone([tmp_path.name], within=10)
    found = sorted(path for path in states.iterdir() if not path.name.startswith("."))
    assert len(found) >= 2
    for path in found[-1:] if damaged == "newest" else found:
        flip(path / "tensors.safetensors")
    again = tiny.carry_out("sft", run, *MANY)
    assert again.returncode == 0, again.stderr
    assert f"{found[-1]}/tensors.safetensors has changed since it was written" in again.stderr
    told = f"goes on after step {int(found[-2].name)} of 24" if damaged == "newest" else "begins again"
    assert told in again.stderr
    assert tiny.results(run) == expected


@pytest.mark.slow
def test_a_full_disk(cut: Path, whole: Any, tmp_path: Path) -> None:
    """No file may grow beyond 3 MB: the model of 8 MB and its checkpoints do not fit."""
    import subprocess

    tiny, run = whole(cut), tmp_path / "run"
    words = tiny.command("sft", run)
    limited = ["bash", "-c", 'ulimit -f 3000; exec "$@"', "bash", *words]
    found = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 8, found.stderr
    assert "File too large" in found.stderr
    assert "MiB are free" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (run / "sft").exists()
    again = tiny.carry_out("sft", run)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_a_tokenizer_without_an_end(tiny: Any, tmp_path: Path) -> None:
    starter = files("concord") / "models" / "starter_model"
    model = Path(shutil.copytree(str(starter), tiny.folder / "model"))
    settings = json.loads((model / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    found = tiny.carry_out("sft", tmp_path / "run", "base=model")
    assert found.returncode == 4
    assert f"The tokenizer in {model} has no end token" in found.stderr
    assert "Set eos_token in its tokenizer_config.json." in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_a_judge_that_gives_no_numbers(cut: Path, whole: Any, finished: Any, tmp_path: Path) -> None:
    """A reward model whose weights are not finite scores nothing: it is refused by name."""
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(finished.run, tmp_path / "copy"))
    judge = Path(shutil.copytree(copy / "reward" / "model", tmp_path / "judge"))
    weights = load_file(judge / "model.safetensors")
    weights["score.weight"][0, 0] = float("nan")
    save_file(weights, judge / "model.safetensors", {"format": "pt"})
    assert whole(cut).carry_out("align", copy).returncode == 0
    found = whole(cut).carry_out("evaluate", copy, f"evaluate.judge={judge}", "rivals={}")
    assert found.returncode == 4
    assert f"{judge}: the weight score.weight holds NaN or infinity." in found.stderr
    assert "Traceback" not in found.stderr
