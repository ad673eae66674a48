"""What the AI judges of a recipe will be asked, and what their endpoints will charge, worked out beforehand."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from concord.monitoring.remark import Remark
from concord.settings import Examining
from concord.stages.contestants import ai_judge, everyone, opponents
from concord.stages.doctor.brought import Brought
from concord.stages.seats import seated

CHARACTERS = 4
"""Of a token, in English: a rule of thumb."""
WORDING = 700
"""Characters of a question beside its rubric, its prompt and its answers."""
USUAL = 100
"""Characters of a text where the recipe names none to learn it from."""


def asked(brought: Brought) -> Iterator[Remark]:
    """Questions to each judge and, where prices are given, their cost; the same texts are asked about once."""
    source = str(brought.loaded.source)
    for setting, judge in seated(brought.loaded, ranking=True, judged=True):
        lists, answers = seats(brought)[setting]
        orders, shown = judge.orders(answers)
        count = lists * orders
        what = (
            f"{setting}: at most {lists:,} lists of {answers} answers are shown to {judge.name}, "
            f"{count:,} questions, and more where a reply cannot be read."
        )
        yield Remark("note", "arithmetic", source, what + charged(brought, judge, count, shown))


def seats(brought: Brought) -> dict[str, tuple[int, int]]:
    """How many lists each judge sees, and of how many answers."""
    recipe = brought.loaded.recipe
    prompts = sum(len(found) for _, found in brought.all_of("prompts"))
    found = {"rank.judge": (min(recipe.sample.prompts or prompts, prompts), recipe.sample.k)}
    if ai_judge(brought.loaded):
        meetings = sum(map(len, opponents(everyone(brought.loaded)).values()))
        duels = meetings * len(brought.held_out) * len(recipe.evaluate.temperatures)
        found["evaluate.judge"] = duels, 2
    return found


def charged(brought: Brought, judge: Examining, count: int, shown: int) -> str:
    """What that many questions cost; nothing is said where the recipe gives no prices."""
    there = judge.endpoint
    if there is None or not (there.price_read or there.price_said):
        return ""
    demonstrations = [one.text for _, found in brought.demonstrations for one in found]
    prompts = [turn.content for one in brought.held_out for turn in one.messages]
    rubric = brought.loaded.folder / judge.rubric if judge.rubric else None
    size = rubric.stat().st_size if rubric and rubric.is_file() else 0
    read = count * (WORDING + size + long(prompts) + shown * long(demonstrations)) / CHARACTERS
    said = count * judge.room(shown)
    cost = (read * there.price_read + said * there.price_said) / 1e6
    return (
        f" About {read:,.0f} tokens to read and at most {said:,} to say: {cost:,.2f} by the recipe's prices, "
        "within a factor of two."
    )


def long(texts: Sequence[str]) -> float:
    """Characters of a text, on average."""
    return fmean(map(len, texts)) if texts else USUAL
