"""Concord's own rows for what is thought of answers: rankings, ratings and step labels."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import different
from concord.formats.fields import Fault, as_list, as_object, as_text, below, need, optional
from concord.formats.losses import Losses
from concord.formats.native_text import SAID, prompt_object, prompt_row, said, said_row
from concord.formats.rows import Notes
from concord.records import MARKS, SOURCES, Completion, Mark, Prompt, Ranking, Rating, Source, StepLabels

RANKING = frozenset(
    {"prompt", "completions", "tiers", "by", "source", "aspect", "shown", "all_bad", "weight", "chances"}
)
RATING = frozenset({"prompt", "completion", "value", "by", "source", "aspect"})
LEAST = 2
"""Answers that a comparison needs."""
STEPS = frozenset({"prompt", "completion", "steps", "marks", "by", "source"})


def completion_in(prompt: Prompt, value: Any, at: str, notes: Notes) -> Completion:
    """A completion inside another row: an object, or a plain text."""
    row = {"text": value} if isinstance(value, str) else as_object(value, at)
    notes.unknown(row, SAID, at)
    return said(prompt, row, at, notes)


def as_source(value: Any, at: str) -> Source:
    """Who judged: people, a model or a rule."""
    source: Source = fields.word_of(value, at, SOURCES, {"model": "ai", "judge": "ai", "llm": "ai"})
    return source


def whose(row: dict[str, Any]) -> tuple[str, Source]:
    """Who judged, by name and by kind."""
    human: Source = "human"
    return optional(row, "by", "", as_text, ""), optional(row, "source", "", as_source, human)


def positions(value: Any, at: str, count: int, seen: set[int]) -> tuple[int, ...]:
    """Places in a list of completions, none of them named before."""
    found = fields.wholes(value, at)
    for place, position in enumerate(found):
        if position >= count:
            raise Fault(f"{at}[{place}]", f"positions run from 0 to {count - 1}", position)
        if position in seen:
            raise Fault(f"{at}[{place}]", "the position is named twice", position)
        seen.add(position)
    return found


def tiers_in(row: dict[str, Any], count: int, all_bad: bool, notes: Notes) -> tuple[tuple[int, ...], ...]:
    """The tiers of a ranking, best first; they must say something."""
    seen: set[int] = set()
    value = as_list(need(row, "tiers"), "tiers")
    tiers = tuple(positions(tier, f"tiers[{place}]", count, seen) for place, tier in enumerate(value))
    for place, tier in enumerate(tiers):
        if not tier:
            raise Fault(f"tiers[{place}]", "a tier names at least one position", [])
    if len(tiers) < LEAST and not all_bad:
        if len(seen) < LEAST:
            raise Fault("tiers", f"ranks {len(seen)} of {count} answers, so it prefers nothing")
        notes.warn("all ranked answers are tied, so the ranking gives no pair")
    return tiers


def as_weight(value: Any, at: str) -> float:
    """How much a ranking counts: a number above 0."""
    number = fields.as_number(value, at)
    if number <= 0:
        raise Fault(at, "it must be above 0; leave out what should not count", value)
    return number


def chances_in(value: Any, at: str, count: int) -> tuple[tuple[int, int, float], ...]:
    """Soft labels: two positions and the chance that the first is better, each two at most once."""
    seen: set[frozenset[int]] = set()
    found = []
    for place, entry in enumerate(as_list(value, at)):
        here = f"{at}[{place}]"
        if len(as_list(entry, here)) != 3:
            raise Fault(here, f"has {len(entry)} values; two positions and a chance are needed")
        # Beside a chance, some containers hold whole numbers as 0.0 and 1.0.
        places = [int(part) if isinstance(part, float) and part.is_integer() else part for part in entry[:2]]
        one, other = positions(places, here, count, set())
        chance = fields.as_number(entry[2], f"{here}[2]")
        if not 0 <= chance <= 1:
            raise Fault(f"{here}[2]", "a chance runs from 0 to 1", entry[2])
        if frozenset((one, other)) in seen:
            raise Fault(here, "these two positions already have a chance", entry)
        seen.add(frozenset((one, other)))
        found.append((one, other, chance))
    return tuple(found)


def read_ranking(row: dict[str, Any], notes: Notes) -> Ranking:
    """A row of a file of rankings."""
    notes.unknown(row, RANKING)
    return ranking_of(row, notes)


def ranking_of(row: dict[str, Any], notes: Notes, anything: bool = False) -> Ranking:
    """The ranking in a row; with `anything` it need not prefer anything, for the row says something else."""
    prompt = prompt_object(need(row, "prompt"), "prompt", notes)
    values = as_list(need(row, "completions"), "completions")
    if len(values) < LEAST:
        raise Fault("completions", f"holds {len(values)}; a ranking needs at least two answers")
    completions = tuple(
        completion_in(prompt, value, f"completions[{place}]", notes) for place, value in enumerate(values)
    )
    different(completions, "completions", notes)
    all_bad = optional(row, "all_bad", "", fields.as_flag, False)
    by, source = whose(row)
    return Ranking(
        prompt,
        completions,
        tiers_in(row, len(completions), all_bad or anything, notes),
        by=by,
        source=source,
        aspect=optional(row, "aspect", "", fields.as_name, "overall"),
        shown=positions(row["shown"], "shown", len(completions), set()) if row.get("shown") else (),
        all_bad=all_bad,
        weight=optional(row, "weight", "", as_weight, 1.0),
        chances=chances_in(row["chances"], "chances", len(completions)) if row.get("chances") else (),
    )


def inner(completion: Completion, prompt: Prompt, at: str) -> dict[str, Any]:
    """A completion inside a row that names the prompt once."""
    if completion.prompt != prompt:
        raise Fault(at, "answers another prompt than the ranking's; a row holds one prompt")
    return said_row(completion)


def guidance_row(by: str, source: Source, aspect: str = "overall") -> dict[str, Any]:
    """Who judged what; what is usual is left out, but the source never is."""
    row: dict[str, Any] = {"by": by} if by else {}
    row["source"] = source
    return row | ({"aspect": aspect} if aspect != "overall" else {})


def write_ranking(ranking: Ranking, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A ranking as a row, whole: K answers, ties, what was not ranked."""
    row: dict[str, Any] = {
        "prompt": prompt_row(ranking.prompt),
        "completions": [
            inner(completion, ranking.prompt, f"completions[{place}]")
            for place, completion in enumerate(ranking.completions)
        ],
        "tiers": [list(tier) for tier in ranking.tiers],
    }
    row |= guidance_row(ranking.by, ranking.source, ranking.aspect)
    if ranking.shown:
        row["shown"] = list(ranking.shown)
    if ranking.all_bad:
        row["all_bad"] = True
    if ranking.weight != 1.0:
        row["weight"] = ranking.weight
    if ranking.chances:
        row["chances"] = [list(one) for one in ranking.chances]
    return [row]


def read_rating(row: dict[str, Any], notes: Notes) -> Rating:
    """A row of a file of ratings."""
    notes.unknown(row, RATING)
    prompt = prompt_object(need(row, "prompt"), "prompt", notes)
    completion = completion_in(prompt, need(row, "completion"), "completion", notes)
    value = fields.as_number(need(row, "value"), "value")
    by, source = whose(row)
    aspect = optional(row, "aspect", "", fields.as_name, "overall")
    return Rating(completion, value, aspect=aspect, by=by, source=source)


def write_rating(rating: Rating, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A rating as a row."""
    row = {
        "prompt": prompt_row(rating.completion.prompt),
        "completion": said_row(rating.completion),
        "value": rating.value,
    }
    return [row | guidance_row(rating.by, rating.source, rating.aspect)]


def as_step(value: Any, at: str) -> str:
    """One step of an answer; it may be a bare line break, but not nothing."""
    text = as_text(value, at)
    if not text:
        raise Fault(at, "a step may not be empty", value)
    return text


def read_step_labels(row: dict[str, Any], notes: Notes) -> StepLabels:
    """A row of a file of step labels."""
    notes.unknown(row, STEPS)
    prompt = prompt_object(need(row, "prompt"), "prompt", notes)
    values = as_list(need(row, "steps"), "steps")
    steps = tuple(as_step(value, f"steps[{place}]") for place, value in enumerate(values))
    marks = tuple(
        as_mark(value, f"marks[{place}]") for place, value in enumerate(as_list(need(row, "marks"), "marks"))
    )
    if not steps:
        raise Fault("steps", "at least one step is needed", values)
    if len(marks) != len(steps):
        raise Fault("marks", f"has {len(marks)} marks for {len(steps)} steps; each step needs one")
    completion = completion_in(prompt, row.get("completion", "".join(steps)), "completion", notes)
    if "".join(steps) != completion.text:
        raise Fault("steps", "joined, they do not give the completion's text; cut it without losing anything")
    by, source = whose(row)
    return StepLabels(completion, steps, marks, by=by, source=source)


def as_mark(value: Any, at: str) -> Mark:
    """What was thought of one step."""
    kin = {"good": "correct", "right": "correct", "bad": "incorrect", "wrong": "incorrect"}
    mark: Mark = fields.word_of(value, below("", at), MARKS, kin)
    return mark


def write_step_labels(labels: StepLabels, losses: Losses | None = None) -> list[dict[str, Any]]:
    """Step labels as a row."""
    row: dict[str, Any] = {
        "prompt": prompt_row(labels.completion.prompt),
        "completion": said_row(labels.completion),
        "steps": list(labels.steps),
        "marks": list(labels.marks),
    }
    return [row | guidance_row(labels.by, labels.source)]
