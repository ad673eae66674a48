"""An AI judge at work in a stage: what it is made of, its queue, and the record of all that it said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord import formats
from concord.endpoints import Chat
from concord.endpoints.memory import Memory
from concord.errors import JudgeError
from concord.models import Policy
from concord.records import Completion, Ranking, digest
from concord.records.files import write_json, write_rows
from concord.sampling import Local
from concord.scoring import Judge, Judgement, Rubric
from concord.scoring.audit import audit
from concord.scoring.voices import Elsewhere, Here, Remembered, Voice
from concord.settings import Judging
from concord.stages.bench import Bench
from concord.stages.plan import content, model_folder

PORTION = 32
"""Lists that are judged together: enough to keep an endpoint busy, few enough to show how far it is."""
COLD = 1e-3
"""The temperature that stands for 0 where tokens are drawn here."""


@dataclass(frozen=True)
class Seat:
    """Where a recipe seats an AI judge: under which setting, what it is asked there, and who remembers its words."""

    setting: str
    asked: Judging
    memory: Path
    """Every answer of it, so that nothing is asked twice."""
    tie: float = 0.0


def judged(
    bench: Bench, folder: Path, lists: Sequence[Sequence[Completion]], people: Iterable[Ranking], seat: Seat
) -> list[Ranking]:
    """Have all lists judged; those without a readable verdict are left out and told, never given a default."""
    chat = Chat(seat.asked.endpoint, seat.memory) if seat.asked.endpoint else None
    judge = made(bench, chat, seat)
    found: list[Ranking] = []
    left: list[str] = []
    for start in range(0, len(lists), PORTION):
        portion = lists[start : start + PORTION]
        for group, ranking in zip(portion, judge.rank_all(portion), strict=True):
            if ranking is None:
                left.append(group[0].prompt.id)
            else:
                found.append(ranking)
        bench.say(f"{judge.name} has judged {min(start + PORTION, len(lists)):,} of {len(lists):,} lists.")
    if not found and lists:
        raise JudgeError(
            f"{judge.name} gave no readable verdict on any of {len(lists):,} lists, so there is nothing to go "
            f"by. Look at its replies, allow it `{seat.setting}.reasons`, or ask another judge."
        )
    if left:
        some = ", ".join(left[:3])
        bench.say(
            f"{len(left)} of {len(lists):,} lists got no readable verdict and were left out, such as {some}."
        )
    write_rows(folder / "judgements.jsonl", map(row, judge.heard))
    card = audit(judge.heard, found, people) | {"judge": judge.name, "left_out": left}
    write_json(folder / "judge.json", card | {"asked": chat.tally.facts() if chat else None})
    tell(bench, card)
    return found


def made(bench: Bench, chat: Chat | None, seat: Seat) -> Judge:
    """The judge that the recipe asks for."""
    asked = seat.asked
    voice: Voice
    if chat is not None:
        voice = Elsewhere(chat)
    else:
        path = model_folder(bench.loaded, str(asked.model))
        policy = Policy.load(path, bench.compute)
        local = Local(policy, "judge", bench.seed, asked.temperature or COLD, asked.longest)
        whose = digest(content(path), asked.temperature, asked.longest)
        voice = Remembered(Here(policy, local, bench.learning.micro_tokens), Memory(seat.memory), whose)
    examples: Sequence[Ranking] = ()
    if asked.examples:
        examples = bench.read(formats.read_rankings, bench.loaded.folder / asked.examples)
    rubric = Rubric.read(bench.loaded.folder / asked.rubric) if asked.rubric else Rubric()
    return Judge(voice, f"judge:{asked.name}", asked, rubric, examples, bench.seed, seat.tie)


def row(one: Judgement) -> dict[str, Any]:
    """A judgement as it is kept: all chances, the principles that held, what was withheld, what was invalid."""
    return {
        "prompt_id": one.prompt.id,
        "attempt": one.attempt,
        "texts": [said.text for said in one.completions],
        "principles": list(one.principles),
        "withheld": list(one.withheld),
        "readings": [[each.one, each.other, each.forth, each.back] for each in one.readings],
        "marks": list(one.marks),
        "invalid": one.invalid,
    }


def tell(bench: Bench, card: dict[str, Any]) -> None:
    """The judge's card in a few lines."""
    for name, words in (
        ("position_consistency", "its verdict was the same in both orders in {:.0%} of {n:,} comparisons"),
        ("first_share", "the answer shown first won {:.0%} of {n:,} times"),
        ("length_slope", "its odds grow with length by a slope of {:.2f}, over {n:,} comparisons"),
    ):
        if card[name]["value"] is not None:
            bench.say(words.format(card[name]["value"], n=card[name]["n"]) + ".")
    if card["people"] and card["people"]["agreement"]["value"] is not None:
        beside = card["people"]
        value, count = beside["agreement"]["value"], beside["comparisons"]
        bench.say(f"it agrees with people in {value:.0%} of {count:,} comparisons.")
