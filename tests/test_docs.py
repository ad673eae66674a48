"""The documentation tells what is: everything has its place, links lead somewhere, examples run."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest

from concord import errors, records, roles, settings
from concord.cli import settings_page
from concord.cli.main import VERBS
from concord.runs import load
from concord.runs.shape import methods
from concord.settings import Recipe
from concord.stages.plan import plan

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CLASSES = [one for name in settings.__all__ if name != "Method" for one in [getattr(settings, name)]]
OPTIONS_OF_ALL = {"-h", "--help", "--json"}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text(path))


def blocks(path: Path, *kinds: str) -> list[str]:
    return [code for kind, code in FENCE.findall(text(path)) if kind.strip() in kinds]


def anchors(path: Path) -> set[str]:
    """The headings of a page as a browser's address names them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_the_page_of_settings_is_current() -> None:
    assert text(DOCS / "settings.md") == settings_page.page(), "give `make settings`"


def test_every_setting_has_a_sentence_and_stands_on_the_page() -> None:
    page = text(DOCS / "settings.md")
    for one in CLASSES:
        assert inspect.cleandoc(one.__doc__ or "").endswith("."), one
        assert one is settings.Settings or f"## {one.__name__}" in page
        for key, field in one.model_fields.items():
            assert (field.description or "").strip().endswith("."), f"{one.__name__}.{key} has no sentence"
            assert f"| `{key}` |" in page


def test_every_verb_and_option_is_documented() -> None:
    page = text(DOCS / "commands.md")
    for name, verb in VERBS.items():
        assert f"`concord {name}" in page, name
        told = {option for action in verb.parser()._actions for option in action.option_strings}
        for option in told - OPTIONS_OF_ALL:
            assert f"`{option}" in page, f"{name} {option}"


def test_every_method_has_a_page() -> None:
    for name in methods(Recipe.model_fields["align"].annotation):
        page = text(DOCS / "methods" / f"{name}.md")
        assert "## Details that matter" in page and "## When not to use it" in page, name


def test_every_stage_has_a_page_and_a_place_in_the_run_folder(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("rank: {by: panel}\nrivals: {dpo: {method: dpo}}\n", encoding="utf-8")
    names = {task.name.partition("/")[0] for task in plan(load(recipe))}
    for name in names & VERBS.keys():
        assert f"concord {name} recipe.yaml" in text(DOCS / "stages" / f"{name}.md")
    for name in names:
        assert f"  {name}/" in text(DOCS / "run-folder.md"), name


def test_every_record_and_role_is_documented() -> None:
    page = text(DOCS / "python.md")
    kinds = [name for name in records.__all__ if is_dataclass(getattr(records, name))]
    parts = [name for name, one in vars(roles).items() if getattr(one, "_is_protocol", False)]
    for name in [*kinds, *(name for name in parts if name != "Protocol")]:
        assert f"| `{name}` |" in page, name


def test_every_error_is_documented_with_its_code() -> None:
    page = text(DOCS / "errors.md")
    for name, one in vars(errors).items():
        if isinstance(one, type):
            assert f"| `{name}` | {one.exit_code} |" in page, name


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), f"{name_of(path)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name_of(path)} links to {link}"


def mentioned(path: Path) -> Iterator[tuple[Path, str]]:
    """Files and tests that a page names in passing."""
    for file, _, test in re.findall(
        r"`((?:src|tests|docs|benchmarks)/[\w./-]+\.\w+)(::(\w+))?`", prose(path)
    ):
        yield ROOT / file, test


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_and_tests_that_are_named_exist(path: Path) -> None:
    for file, test in mentioned(path):
        assert file.is_file() or file.name == "results.json", f"{name_of(path)} names {file}"
        assert not test or f"def {test}(" in text(file), f"{name_of(path)} names {test} of {name_of(file)}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_exist(path: Path) -> None:
    """Every `make` target and every `concord` verb that a page tells to give."""
    shell = "\n".join([*blocks(path, "sh"), *re.findall(r"`([^`\n]+)`", prose(path))])
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", shell, re.MULTILINE)) <= targets
    verbs = set(re.findall(r"^concord ([a-z]+)", shell, re.MULTILINE))
    assert verbs <= VERBS.keys()


def script(path: Path, *kinds: str) -> str:
    return "\n".join(blocks(path, *kinds))


def with_python(*kinds: str) -> list[Path]:
    return [path for path in PAGES if blocks(path, *kinds)]


@pytest.mark.parametrize("path", with_python("python", "python slow", "python no-run"), ids=name_of)
def test_python_can_be_read(path: Path) -> None:
    ast.parse(script(path, "python", "python slow", "python no-run"))


def carry_out(code: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", with_python("python"), ids=name_of)
@pytest.mark.slow
def test_python_runs(path: Path, tmp_path: Path) -> None:
    carry_out(script(path, "python"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", with_python("python slow"), ids=name_of)
def test_python_with_a_model_runs(path: Path, tmp_path: Path) -> None:
    carry_out(script(path, "python", "python slow"), tmp_path)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_speak_of_now_and_of_no_machine(path: Path) -> None:
    """Nothing that only its writer knows: paths of a machine, work that is still to be done."""
    found = re.findall(r"/(?:home|root|work|tmp|Users)/\w|\bTODO\b|\bFIXME\b|\bTBD\b", text(path))
    assert not found, f"{name_of(path)}: {found}"
