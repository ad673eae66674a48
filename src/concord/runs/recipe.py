"""Reading a recipe: a YAML file and what the command line lays over it become one frozen value."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from concord.errors import SettingsError
from concord.runs.explain import listing, sentences
from concord.runs.lines import Place, read
from concord.runs.overrides import lay
from concord.runs.shape import nearest
from concord.settings import Recipe

MOST_BYTES = 2**20
START = "`concord init DIR` writes one to start from"


@dataclass(frozen=True)
class Loaded:
    """A recipe as it was read: its settings, and the folder against which its file names count."""

    recipe: Recipe
    folder: Path
    source: Path
    text: str = ""
    overrides: tuple[str, ...] = ()


def load(path: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """Read a recipe and lay overrides such as `align.kl=0.02` over it; all that is wrong is told at once."""
    source = Path(path)
    text = text_of(source)
    tree = read(text, lambda line: Place(line, f"{source}:{line}"))
    if tree.values is None:
        raise SettingsError(f"{source} is empty. A recipe says what to align and how; {START}.")
    if not isinstance(tree.values, dict):
        raise SettingsError(f"{source}:1: a recipe is a mapping of sections. Begin with `base: starter`.")
    lay(tree, overrides)
    recipe = None
    try:
        recipe = Recipe.model_validate(tree.values)
    except ValidationError as error:
        tree.problems.extend(sentences(error, tree))
    if recipe is None or tree.problems:
        raise SettingsError(listing(tree.problems))
    return Loaded(recipe, source.absolute().parent, source, text, tuple(overrides))


def resolved(recipe: Recipe) -> str:
    """The recipe as YAML with every default, which reads back as the same recipe."""
    values = recipe.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def text_of(source: Path) -> str:
    """A recipe file's text, or what is in the way of reading it."""
    try:
        with source.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise SettingsError(missing(source)) from error
    except IsADirectoryError as error:
        raise SettingsError(f"{source} is a folder. {inside(source)}") from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"{source}: {said}. Check the path and its permissions.") from error
    if len(data) > MOST_BYTES:
        raise SettingsError(f"{source} is larger than 1 MiB. Name a recipe, which is a short YAML file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = data[error.start]
        raise SettingsError(f"{source}:{line}: byte {byte:#04x} is not UTF-8. Save it as UTF-8.") from error


def missing(source: Path) -> str:
    """What to say of a recipe that is not there: the nearest that is."""
    folder = source.parent
    if not folder.is_dir():
        return f"{source}: there is no folder {folder}. Check the path, or {START}."
    near = nearest(source.name, recipes(folder))
    if near:
        return f"{source}: there is no such recipe. Did you mean {folder / near}?"
    return f"{source}: there is no such recipe. {inside(folder)}"


def inside(folder: Path) -> str:
    """The recipes in a folder, in a sentence."""
    names = recipes(folder)
    if not names:
        return f"{'This folder' if folder == Path() else folder} holds no recipe; {START}."
    return f"Recipes there: {', '.join(str(folder / name) for name in names[:5])}."


def recipes(folder: Path) -> list[str]:
    """The names of a folder's YAML files."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError:
        return []
