"""The front door: help without waiting, errors without tracebacks, and one JSON object for machines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from concord import errors
from concord.cli import main as front
from concord.cli.main import VERBS, main
from concord.cli.voice import PIPE_CLOSED, Voice
from concord.errors import ConcordError, Diverged, GateRefused, SettingsError, StoreError

Act = Callable[[Path, int, Callable[[str], None]], Path]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def demo_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    def install(act: Act) -> None:
        module = ModuleType("concord.stages.demo")
        module.demo = act  # type: ignore[attr-defined]
        module.init = started  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "concord.stages", ModuleType("concord.stages"))
        monkeypatch.setitem(sys.modules, "concord.stages.demo", module)

    return install


def started(folder: Path, demonstrators: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text("{}")
    return [folder / "recipe.yaml"]


def raising(error: BaseException) -> Act:
    def act(folder: Path, seeds: int, say: Callable[[str], None]) -> Path:
        raise error

    return act


def test_help_loads_no_model_library_nor_the_settings() -> None:
    script = (
        "import sys\nfrom concord.cli.main import VERBS, main\n"
        "codes = [main(['--help']), *(main([verb, '--help']) for verb in VERBS)]\n"
        "heavy = {'torch', 'pydantic', 'transformers', 'numpy', 'yaml'} & set(sys.modules)\n"
        "sys.exit(1 if heavy or any(codes) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(
        f"\n  {verb}" in done.stdout and f"usage: concord {verb} [-h]" in done.stdout for verb in VERBS
    )
    module = subprocess.run(
        [sys.executable, "-m", "concord", "--version"], capture_output=True, text=True, check=True
    )
    assert module.stdout.startswith("concord ")


def test_every_verb_is_there_and_takes_json() -> None:
    stages = ["sft", "sample", "rank", "reward", "align", "evaluate", "gate"]
    told = ["evaluate answers", "evaluate reward", "evaluate suites"]
    looks = ["next", "web", "serve", "drift", "show", "explain", "mirror"]
    verbs = ["init", "make", "import", "export", *stages, *told, "run", *looks, "doctor", "demo"]
    assert list(VERBS) == verbs
    assert all("--json" in verb.parser().format_help() for verb in VERBS.values())


def test_the_environment_is_settled_before_torch_but_not_over_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert main(["--help"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
    assert os.environ["HF_HUB_OFFLINE"] == "0"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["algin"], "`algin` is not a verb. Did you mean `align`?"),
        (["zzz"], f"`zzz` is not a verb. The verbs are {', '.join(VERBS)}."),
        (["r.yaml"], "`r.yaml` is not a verb. Did you mean `concord run r.yaml`?"),
        (["--plan", "run"], "`--plan` stands before the verb. Give the verb first: `concord VERB --plan`."),
        (["sft"], "The following arguments are required: RECIPE. `concord sft --help` tells how it is used."),
        (
            ["sft", "r.yaml", "--agian"],
            "`--agian` is not an option here; did you mean `--again`. "
            "`concord sft --help` tells how it is used.",
        ),
        (
            ["sft", "r.yaml", "--sft.epochs=3"],
            "`--sft.epochs=3` is not an option; settings are given without dashes, `sft.epochs=3`. "
            "`concord sft --help` tells how it is used.",
        ),
        (
            ["demo", "--seeds", "x"],
            "Argument --seeds: invalid int value: 'x'. `concord demo --help` tells how it is used.",
        ),
        (["demo", "--seeds", "0"], "`--seeds` is 0; one seed is the least. Give --seeds 1 or more."),
    ],
)
def test_wrong_words_name_the_right_ones(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == SettingsError.exit_code
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"{expected}\n")


def test_every_error_of_ours_has_its_exit_code_and_no_traceback(
    demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConcordError)
    ]
    codes = {}
    for kind in kinds:
        demo_does(raising(kind("what, where, what to do.")))
        codes[kind] = main(["demo"])
        told = capsys.readouterr()
        assert (told.out, told.err) == ("", "what, where, what to do.\n")
        assert main(["demo", "--json"]) == codes[kind]
        told = capsys.readouterr()
        error = {"kind": kind.__name__, "message": "what, where, what to do.", "exit": codes[kind]}
        assert (json.loads(told.out), told.err) == ({"error": error}, "")
    assert codes == {kind: kind.exit_code for kind in kinds}
    assert (codes[SettingsError], codes[Diverged], codes[GateRefused], codes[StoreError]) == (2, 5, 6, 8)


def test_interruptions_have_the_codes_that_shells_know(
    demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    demo_does(raising(KeyboardInterrupt()))
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == (
        "Stopped. What was finished is kept; give the same command again to go on.\n"
    )
    demo_does(raising(SystemExit(143)))
    assert main(["demo"]) == 143
    assert main(["demo", "--json"]) == 143
    assert json.loads(capsys.readouterr().out)["error"] == {
        "kind": "Stopped",
        "message": "Stopped with exit code 143.",
        "exit": 143,
    }


def test_a_bug_keeps_its_traceback(
    demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    demo_does(raising(ZeroDivisionError("oh")))
    with pytest.raises(ZeroDivisionError):
        main(["demo"])
    with pytest.raises(ZeroDivisionError):
        main(["demo", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "error": {"kind": "Bug", "message": "ZeroDivisionError: oh", "exit": 1}
    }


def test_for_machines_stdout_holds_one_object_whatever_else_prints(
    demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def chatty(folder: Path, seeds: int, say: Callable[[str], None]) -> Path:
        print("a library's greeting")
        say(f"{seeds} seeds")
        return folder / "report.html"

    demo_does(chatty)
    assert main(["demo", "--json", "--run", "a b/ü", "--seeds", "2"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"run": "a b/ü", "report": "a b/ü/report.html"}
    assert told.err == "a library's greeting\n2 seeds\n"
    assert main(["demo"]) == 0
    assert capsys.readouterr().out == "a library's greeting\nThe report is runs/demo/report.html.\n"


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "concord", "--help"], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, b"")


def test_names_that_no_encoding_knows_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(False).tell(["a\udcffb"], {})
    assert capsys.readouterr().out == "a\\udcffb\n"


def test_init_says_what_it_wrote_and_what_to_give_next(
    here: Path, demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    demo_does(raising(AssertionError("not asked for")))
    assert main(["init", "erster ü"]) == 0
    assert capsys.readouterr().out == (
        "wrote erster ü/recipe.yaml\nNow give `concord run 'erster ü/recipe.yaml'`.\n"
    )
    (here / "file").write_text("")
    assert main(["init", "file"]) == StoreError.exit_code
    assert main(["init", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": "new", "files": ["new/recipe.yaml"]}


def test_demo_again_deletes_only_what_a_demo_made(
    here: Path, demo_does: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def journey(folder: Path, seeds: int, say: Callable[[str], None]) -> Path:
        assert not (folder / "stage").exists()
        (folder / "stage").mkdir()
        (folder / ".lock").touch()
        for seed in range(1, seeds):
            place = folder.with_name(f"{folder.name}-seed-{seed}")
            place.mkdir()
            recipe = folder.absolute() / "inputs" / "recipe.yaml"
            (place / "run.json").write_text(json.dumps({"recipe": str(recipe)}))
        return folder / "report.html"

    demo_does(journey)
    (here / "runs" / "demo-seed-mine").mkdir(parents=True)
    assert main(["demo", "--seeds", "2"]) == 0
    assert main(["demo", "--seeds", "2", "--again"]) == 0
    assert (here / "runs" / "demo-seed-mine").exists()
    (here / "thesis").mkdir()
    (here / "thesis" / "text").write_text("years of work")
    capsys.readouterr()
    assert main(["demo", "--run", "thesis", "--again"]) == StoreError.exit_code
    assert "thesis was not made by `concord demo`" in capsys.readouterr().err
    assert (here / "thesis" / "text").exists()

    from concord.runs import lock

    with lock(here / "runs" / "demo" / ".lock"):
        assert main(["demo", "--again"]) == StoreError.exit_code
    assert (here / "runs" / "demo" / "stage").exists()


def test_doctor_tells_of_the_machine_and_of_the_models(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ModuleType("concord.models")
    models.doctor = lambda: {"device": "cpu: there is no GPU"}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "concord.models", models)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["doctor"]
    assert found["device"] == "cpu: there is no GPU"
    assert set(found) == {"concord", "device"}
    assert main(["doctor"]) == 0
    assert "device   cpu: there is no GPU\n" in capsys.readouterr().out


def test_no_words_give_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines() == front.overview()
    assert main(["--help", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["verbs"]) == set(VERBS)
