"""What is wrong with a recipe, in sentences that name the line, the value and the way out."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from concord.runs.lines import Location, Place, Tree, dotted, short
from concord.runs.overrides import FIRST
from concord.runs.shape import meant, nearest, trace
from concord.settings import Recipe, Settings

MOST = 20


def listing(problems: list[tuple[Place, str]]) -> str:
    """All problems, one a line, in the order of the file and then of the command line."""
    lines = [f"{place.label}: {problem}" for place, problem in sorted(problems, key=lambda item: item[0])]
    if len(lines) > MOST:
        lines[MOST:] = [f"... and {len(lines) - MOST} more."]
    return "\n".join(lines)


def sentences(error: ValidationError, tree: Tree) -> list[tuple[Place, str]]:
    """Each thing that the settings refuse, with its place."""
    return [sentence(item, tree) for item in error.errors(include_url=False)]


@dataclass(frozen=True)
class Refusal:
    """One thing that the settings refuse, and what stands around it."""

    item: ErrorDetails
    tree: Tree
    location: Location
    section: type[Settings] | None

    @property
    def name(self) -> str:
        """What was refused, as a person writes it."""
        return f"`{dotted(self.location)}`" if self.location else "the recipe"

    @property
    def reason(self) -> str:
        """Pydantic's own words, to go on with after a semicolon."""
        text = self.item["msg"].removeprefix("Value error, ").rstrip(".")
        return text[:1].lower() + text[1:]


def sentence(item: ErrorDetails, tree: Tree) -> tuple[Place, str]:
    """One thing that the settings refuse, in words, with its place."""
    location, section = trace(item["loc"])
    location = tree.counted(location)
    refusal = Refusal(item, tree, location, section)
    if item["loc"][-1:] == ("[key]",):
        return tree.place(location), f"{refusal.name} has a name that cannot be used; {refusal.reason}."
    at = (*location, "method") if item["type"] == "union_tag_invalid" else location
    return tree.place(at), WORDS.get(item["type"], wrong_value)(refusal)


def wrong_value(refusal: Refusal) -> str:
    """What to say of a value that a setting cannot have."""
    return f"{refusal.name} is {short(refusal.item['input'])}; {refusal.reason}."


def wrong_word(refusal: Refusal) -> str:
    """What to say of a word that is none of those that a setting knows."""
    words = re.findall("'([^']*)'", refusal.item["ctx"]["expected"])
    # All of them were just named, so only what is plainly a slip is worth a guess: gpu is not cpu.
    return wrong_value(refusal) + did_you_mean(refusal.item["input"], words, like=0.7)


def no_section(refusal: Refusal) -> str:
    """What to say of a single value where a section belongs."""
    return f"{refusal.name} is {short(refusal.item['input'])}; it should be a section, with keys of its own."


def not_given(refusal: Refusal) -> str:
    """What to say of a setting that has no default and no value."""
    return f"{refusal.name} is missing, and it has no default. Set it."


def no_method(refusal: Refusal) -> str:
    """What to say of a section that does not choose its method."""
    return f"{refusal.name} has no `method`. Give it one, such as `method: dpo`."


def at_odds(refusal: Refusal) -> str:
    """What to say of settings that are right each for itself and wrong together."""
    return f"{refusal.name}: {refusal.reason}."


def wrong_method(refusal: Refusal) -> str:
    """What to say of a method that does not exist."""
    value = refusal.item["input"]["method"]
    words = re.findall("'([^']*)'", refusal.item["ctx"]["expected_tags"])
    name = dotted((*refusal.location, "method"))
    return f"`{name}` is {short(value)}; methods are {', '.join(words)}.{did_you_mean(value, words)}"


def did_you_mean(word: object, words: list[str], like: float = 0.5) -> str:
    """A sentence that names the nearest right word, if there is one."""
    near = nearest(str(word), words, like)
    return f" Did you mean `{near}`?" if near else ""


def unknown(refusal: Refusal) -> str:
    """What to say of a key that is no setting of its section."""
    location, section, tree = refusal.location, refusal.section, refusal.tree
    assert section is not None, "only a section of settings can refuse a key"
    whole = "the recipe" if section is Recipe else section.__name__
    text = f"{refusal.name} is not a setting of {whole}"
    asked = tree.places.get((*location[:-1], "method"))
    if "method" in section.model_fields and asked and asked.order >= FIRST > tree.place(location).order:
        # The file wrote it for another method. Dropping it in silence would hide a typing error.
        fresh = f"{dotted(location[:-1])}={{method: {section.model_fields['method'].default}}}"
        return f"{text}, which {asked.label} asks for. Delete it there, or set {fresh} to start afresh."
    return f"{text}. {meant(str(location[-1]), section)}"


WORDS: dict[str, Callable[[Refusal], str]] = {
    "extra_forbidden": unknown,
    "missing": not_given,
    "union_tag_invalid": wrong_method,
    "union_tag_not_found": no_method,
    "model_type": no_section,
    "model_attributes_type": no_section,
    "literal_error": wrong_word,
    "value_error": at_odds,
}
