"""The laws of the house: imports fall, no room is an attic, nothing foreign is run, files are short."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "concord"

FLOORS = {
    "cli": 8,
    "stages": 7,
    **dict.fromkeys(("algorithms", "sampling", "scoring"), 6),
    **dict.fromkeys(("models", "evaluation", "suites", "annotation", "making", "serving"), 5),
    **dict.fromkeys(("batches", "training", "endpoints", "world", "formats", "runs", "monitoring"), 4),
    "roles": 3,
    **dict.fromkeys(("records", "settings"), 2),
    **dict.fromkeys(("maths", "errors", "machine"), 1),
}
"""The one table of rooms: an import goes to a lower floor, never up and never sideways."""

HEAVY = ("cli", "stages", "algorithms", "sampling", "scoring", "models", "batches", "training", "maths")
TORCH_FREE = set(FLOORS) - set(HEAVY)
LIGHT = ("cli.main", "cli.stage", "cli.show", "cli.settings_page", "stages.plan", "stages.carry_out")
"""Modules of other rooms that must not load torch either: the front door and the plan behind it."""

LEARNS = ("algorithms", "training", "models", "batches", "sampling", "scoring", "evaluation")
LEARNING_STAGES = ("sft", "reward", "align", "learn")
WIRED_BY_STAGES_ALONE = ("sampling", "scoring", "world")
"""Concrete samplers, concrete scorers and the starter world: only `stages` names them."""

MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_FIELDS = 300, 50, 12
BANNED_NAMES = {"utils", "helper", "manager", "base", "core", "common", "handler", "processor", "wrapper"}
BANNED_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
BANNED_CALLS = {"eval", "exec", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "os.system"}
BANNED_OPTIONS = {"shell", "trust_remote_code", "weights_only", "allow_pickle"}
FOREIGN_WORDS = {"chosen", "rejected"}


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree(path)))


def name_of(path: Path) -> str:
    """A source file's module: `stages.plan`, `records` for a room's face, `` for the package's own."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """What a file imports of the package, wherever in the file it does so: line and module."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relative to itself; write the full name"
            if node.module == "concord":
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif (node.module or "").startswith("concord."):
                yield node.lineno, str(node.module).removeprefix("concord.")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("concord."):
                    yield node.lineno, alias.name.removeprefix("concord.")


@cache
def arrows() -> list[tuple[Path, int, str, str]]:
    """Every import from one room into another: file, line, from, to."""
    every = [
        (path, line, room_of(name_of(path)), room_of(to))
        for path in files("src")
        for line, to in imports(path)
    ]
    return [one for one in every if one[3] in FLOORS and one[2] != one[3]]


def complain(lines: Iterable[str]) -> None:
    told = list(lines)
    assert not told, "\n" + "\n".join(told)


def test_every_room_has_a_floor_and_stands_in_the_architecture() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms == set(FLOORS)
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = {
        room: int(floor)
        for floor, row in re.findall(r"^(\d) +([a-z ]+?) *(?:$| {2}.*)", text, re.MULTILINE)
        for room in row.split()
    }
    assert drawn == FLOORS


def test_imports_fall() -> None:
    complain(
        f"{path.relative_to(ROOT)}:{line}: {here} ({FLOORS[here]}) imports {there} ({FLOORS[there]})"
        for path, line, here, there in arrows()
        if here in FLOORS and FLOORS[there] >= FLOORS[here]
    )


def test_only_stages_name_concrete_samplers_scorers_and_the_world() -> None:
    complain(
        f"{path.relative_to(ROOT)}:{line}: {here} names {there}"
        for path, line, here, there in arrows()
        if there in WIRED_BY_STAGES_ALONE and here != "stages"
    )


def test_nobody_imports_stages_but_the_front_door() -> None:
    complain(
        f"{path.relative_to(ROOT)}:{line}: {here} imports stages"
        for path, line, here, there in arrows()
        if there == "stages" and here != "cli"
    )


@cache
def direct() -> dict[str, set[str]]:
    """Every module, and those that it imports itself."""
    return {name_of(path): {module for _, module in imports(path)} for path in files("src")}


def reach(start: str) -> set[str]:
    """Every module that a module imports, however far below, a room's face included."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        for name in (module, room_of(module)):
            if name in direct() and name not in found:
                found.add(name)
                waiting.extend(direct()[name])
    return found


@pytest.mark.parametrize("start", [*LEARNS, "stages.learn"])
def test_what_learns_cannot_reach_the_gold_judge(start: str) -> None:
    """The judge of the starter world is no use as a judge once anything learns from it."""
    modules = [name_of(path) for path in files("src")]
    starts = [name for name in modules if name == start or name.startswith(f"{start}.")]
    assert starts
    for name in starts:
        assert not {module for module in reach(name) if room_of(module) == "world"}, name


def test_stages_that_learn_do_not_name_a_judge() -> None:
    """The bench of the stages has one for the evaluation; algorithms see a bench that has none."""
    for path in [
        *(SOURCE / "stages" / f"{name}.py" for name in LEARNING_STAGES),
        *files("src/concord/algorithms"),
    ]:
        named = {getattr(node, "attr", None) or getattr(node, "name", None) for node in nodes(path)}
        assert not named & {"judge", "GoldJudge", "world"}, path


def test_who_watches_is_handed_in() -> None:
    """The stage that names the judge of the watch gives away a Scorer and no more, and what learns does not name it."""
    assert "stages.watch" not in {module for start in LEARNING_STAGES for module in reach(f"stages.{start}")}
    work = next(one for one in nodes(SOURCE / "stages" / "align.py") if getattr(one, "name", "") == "work")
    assert isinstance(work, ast.FunctionDef) and "witness: Scorer | None" in ast.unparse(work.args)


@pytest.mark.slow
def test_rooms_without_torch() -> None:
    """In a fresh interpreter, module after module: the first that loads torch is named."""
    names = [name_of(path) for path in files("src")]
    modules = [f"concord.{name}" for name in names if room_of(name) in TORCH_FREE or name in LIGHT]
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit(f'{name} loads torch')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_maths_imports_torch_alone() -> None:
    """And its statistics numpy alone, so that rooms without torch may use them."""
    for path in files("src/concord/maths"):
        theirs = {"numpy"} if path.stem == "statistics" else {"torch", "concord"}
        for node in nodes(path):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            foreign = {name.partition(".")[0] for name in names} - theirs - set(sys.stdlib_module_names)
            assert not foreign, f"{path}: {foreign}"


def test_files_and_functions_are_short() -> None:
    long = []
    for path in files("src", "tests", "benchmarks"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > MOST_LINES:
            long.append(f"{path.relative_to(ROOT)}: {count} lines; the most is {MOST_LINES}")
    for path in files("src", "benchmarks"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = int(node.end_lineno or 0) - node.lineno + 1
                if count > MOST_LINES_OF_A_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {count} lines")
    complain(long)


def words(name: str) -> set[str]:
    """The words of a name in either style: `data_manager` and `DataManager` alike."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_no_room_and_no_class_is_an_attic() -> None:
    wrong = []
    for path in files("src", "benchmarks"):
        names = [*path.relative_to(ROOT).with_suffix("").parts]
        names += [node.name for node in nodes(path) if isinstance(node, ast.ClassDef)]
        singular = {name: words(name) | {word.removesuffix("s") for word in words(name)} for name in names}
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in names if singular[name] & BANNED_NAMES]
    complain(wrong)


def test_nothing_foreign_is_unpickled_evaluated_or_run() -> None:
    wrong = []
    for path in files("src", "benchmarks"):
        for node in nodes(path):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names if alias.name in BANNED_MODULES]
            elif isinstance(node, ast.ImportFrom):
                found = [str(node.module)] if node.module in BANNED_MODULES else []
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                found = [called] if called in BANNED_CALLS else []
                for option in node.keywords:
                    told = isinstance(option.value, ast.Constant) and option.value.value
                    safe = option.arg == "weights_only" if told else option.arg != "weights_only"
                    if option.arg in BANNED_OPTIONS and not (safe and isinstance(option.value, ast.Constant)):
                        found.append(ast.unparse(option))
            wrong += [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}" for name in found]
    complain(wrong)


def test_better_and_worse_are_called_so() -> None:
    """The words of a foreign file format stay in the room of formats."""
    wrong = []
    for path in files("src"):
        if room_of(name_of(path)) == "formats":
            continue
        for node in nodes(path):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
            name = node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else name
            if isinstance(name, str) and words(name) & FOREIGN_WORDS:
                wrong.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}")
    complain(wrong)


def test_every_file_says_what_it_is() -> None:
    complain(
        f"{path.relative_to(ROOT)} has no docstring"
        for path in files("src", "tests", "benchmarks")
        if not ast.get_docstring(tree(path))
    )


def test_settings_are_few() -> None:
    from concord import settings

    classes = {name: getattr(settings, name) for name in settings.__all__ if name != "Method"}
    complain(name for name, one in classes.items() if len(one.model_fields) > MOST_FIELDS)


def test_tests_are_plain_functions() -> None:
    wrong = []
    for path in files("tests"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^(?:from|import) unittest", text, re.MULTILINE):
            wrong.append(f"{path.relative_to(ROOT)}: mocks")
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: class {node.name}")
    complain(wrong)
