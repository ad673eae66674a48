"""An AI judge as Ranker and Scorer: every comparison in both orders, soft labels kept, nonsense never a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from random import Random

from concord.endpoints import Question, Reply
from concord.errors import JudgeError, SettingsError
from concord.records import Completion, Prompt, Ranking, seed_of
from concord.scoring.ranked import by_points, by_scores
from concord.scoring.rubric import Rubric
from concord.scoring.verdicts import chances, order
from concord.scoring.voices import Voice
from concord.scoring.wording import LETTERS, MARKS, Shown, dialogue, screened
from concord.settings import Judging

TRIES = 3
"""How often an item whose verdict cannot be read is put back and asked again."""
SHOTS = 3
"""Examples that are shown before a question."""
TOPS = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """Two answers judged in both orders: the chance that the first is better, when shown first and when second."""

    one: int
    other: int
    forth: float
    back: float

    @property
    def outcome(self) -> float:
        """1 if the first is better, 0 if it is worse, a half if the orders do not agree."""
        forth, back = _side(self.forth), _side(self.back)
        return forth if forth == back else 0.5

    @property
    def chance(self) -> float:
        """The mean of both orders."""
        return (self.forth + self.back) / 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that was asked about one list and read from the replies."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    attempt: int
    principles: tuple[int, ...]
    """Which principles of the rubric held."""
    withheld: tuple[int, ...]
    """Sentences of each answer that spoke to the judge and were not shown to it."""
    readings: tuple[Reading, ...] = ()
    marks: tuple[float, ...] = ()
    invalid: int = 0
    """Replies that held no verdict; with one of them the whole is no judgement."""
    shown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A list on its way to the judge, as the judge will see it."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    texts: tuple[str, ...]
    withheld: tuple[int, ...]
    attempt: int
    principles: tuple[int, ...]
    seed: int


@dataclass
class Judge:
    """A model that judges: as a Ranker by pairs, by lists or by marks, as a Scorer by marks."""

    voice: Voice
    name: str
    settings: Judging
    rubric: Rubric = field(default_factory=Rubric)
    examples: Sequence[Ranking] = ()
    seed: int = 0
    tie: float = 0.0
    heard: list[Judgement] = field(default_factory=list)
    """Every judgement, valid or not, in the order in which they were made."""

    def __post_init__(self) -> None:
        if self.examples and self.settings.manner == "points":
            raise SettingsError(
                "`rank.judge.examples` are rankings, from which marks cannot be shown. Leave them out."
            )

    def rank(self, prompt: Prompt, completions: Sequence[Completion]) -> Ranking:
        """The completions in tiers; JudgeError if the judge gave no verdict that can be read, asked again and again."""
        found = self.rank_all([completions])[0]
        if found is None:
            raise JudgeError(
                f"{self.name} gave no verdict on the answers to prompt {prompt.id} that can be read, asked {TRIES} "
                "times. Nothing is assumed in its place; look at its replies, or ask another judge."
            )
        return found

    def rank_all(self, lists: Sequence[Sequence[Completion]]) -> list[Ranking | None]:
        """Many lists together; those without a readable verdict go back into the queue, and are None in the end."""
        found: dict[int, Ranking] = {}
        waiting = list(range(len(lists)))
        for attempt in range(TRIES):
            if not waiting:
                break
            items = [self._item(lists[place], attempt) for place in waiting]
            for place, judged in zip(list(waiting), self._judge(items, self.settings.manner), strict=True):
                if not judged.invalid:
                    found[place] = self._ranking(judged)
            waiting = [place for place in waiting if place not in found]
        return [found.get(place) for place in range(len(lists))]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """A mark from 1 to 9 for each completion: the mean over the digits by their probabilities."""
        found: dict[int, float] = {}
        waiting = list(range(len(completions)))
        for attempt in range(TRIES):
            if not waiting:
                break
            items = [self._item([completions[place]], attempt) for place in waiting]
            for place, judged in zip(list(waiting), self._judge(items, "points"), strict=True):
                if not judged.invalid:
                    found[place] = judged.marks[0]
            waiting = [place for place in waiting if place not in found]
        if waiting:
            raise JudgeError(
                f"{self.name} gave {len(waiting)} of {len(completions)} answers no readable mark, asked {TRIES} "
                f"times, such as one to prompt {completions[waiting[0]].prompt.id}. No mark is assumed instead."
            )
        return [found[place] for place in range(len(completions))]

    def _item(self, completions: Sequence[Completion], attempt: int) -> Item:
        prompt = completions[0].prompt
        if self.settings.manner == "list" and len(completions) > len(MARKS):
            raise SettingsError(
                f"Prompt {prompt.id} has {len(completions)} answers; lists are judged up to {len(MARKS)}. "
                "Set `rank.judge.manner` to pairs, or sample fewer."
            )
        looked = [screened(one.text) if self.settings.screen else (one.text, 0) for one in completions]
        seed = seed_of("judge", self.seed, prompt.id, [one.text for one in completions])
        drawn = self.rubric.drawn(self.settings.principles, seed)
        texts, withheld = tuple(text for text, _ in looked), tuple(count for _, count in looked)
        return Item(prompt, tuple(completions), texts, withheld, attempt, drawn, seed)

    def _judge(self, items: Sequence[Item], manner: str) -> list[Judgement]:
        """Ask all questions about all items at once, then read the replies item by item."""
        orders = [list(self._orders(item, manner)) for item in items]
        questions = [
            self._question(item, manner, shown, number)
            for item, own in zip(items, orders, strict=True)
            for number, shown in enumerate(own)
        ]
        labels = {"pairs": LETTERS, "points": MARKS}.get(manner, ()) if not self.settings.reasons else ()
        replies = iter(self.voice.ask(questions, labels))
        read = {"pairs": self._read_pairs, "list": self._read_list, "points": self._read_points}[manner]
        judged = [
            read(item, [(shown, next(replies)) for shown in own])
            for item, own in zip(items, orders, strict=True)
        ]
        self.heard += judged
        return judged

    def _orders(self, item: Item, manner: str) -> Iterator[tuple[int, ...]]:
        """The orders in which an item's answers are shown, one a question."""
        count = len(item.completions)
        for number in range(self.settings.rounds):
            if manner == "points":
                yield from ((place,) for place in range(count))
            elif manner == "pairs":
                for one, other in combinations(range(count), 2):
                    yield one, other
                    yield other, one
            else:
                mixed = Random(seed_of("order", item.seed, number)).sample(range(count), count)
                yield tuple(mixed)
                yield tuple(reversed(mixed))

    def _question(self, item: Item, manner: str, shown: tuple[int, ...], number: int) -> Question:
        asked = self.settings
        rubric = self.rubric.text(item.principles)
        texts = [item.texts[place] for place in shown]
        examples = self._shown(item) if manner != "points" else []
        messages = dialogue(manner, item.prompt, texts, rubric, asked.reasons, examples, self.seed)
        seed = seed_of(item.seed, item.attempt, number)
        tops = 0 if manner == "list" else TOPS
        return Question(messages, seed, asked.temperature, longest=asked.room(len(shown)), tops=tops)

    def _shown(self, item: Item) -> list[Shown]:
        """Examples of other prompts, drawn for this item; the better answer stands in each place as often."""
        others = [one for one in self.examples if one.prompt.id != item.prompt.id and len(one.tiers) > 1]
        if self.settings.manner == "list":
            others = [one for one in others if not one.unranked and len(one.completions) <= len(MARKS)]
        drawn = Random(seed_of("examples", item.seed)).sample(others, min(SHOTS, len(others)))
        return [example(one, self.settings.manner, turn) for turn, one in enumerate(drawn)]

    def _read_pairs(self, item: Item, replies: list[tuple[tuple[int, ...], Reply]]) -> Judgement:
        heard = [chances(reply, LETTERS, self.settings.reasons) for _, reply in replies]
        invalid = sum(one is None for one in heard)
        readings = []
        for place in range(0, len(replies) - 1, 2):
            forth, back = heard[place], heard[place + 1]
            if forth and back:
                one, other = replies[place][0]
                readings.append(Reading(one, other, forth["A"], back["B"]))
        return self._judgement(item, invalid, tuple(readings), shown=tuple(range(len(item.texts))))

    def _read_list(self, item: Item, replies: list[tuple[tuple[int, ...], Reply]]) -> Judgement:
        count = len(item.texts)
        heard: list[dict[int, int] | None] = []
        for shown, reply in replies:
            tiers = order(reply, count, self.settings.reasons)
            heard.append(dict(zip(shown, tiers, strict=True)) if tiers else None)
        readings = []
        for place in range(0, len(replies) - 1, 2):
            forth, back = heard[place], heard[place + 1]
            if forth and back:
                for one, other in combinations(replies[place][0], 2):  # as shown: one before the other
                    readings.append(Reading(one, other, _above(forth, one, other), _above(back, one, other)))
        invalid = sum(one is None for one in heard)
        return self._judgement(item, invalid, tuple(readings), shown=replies[0][0])

    def _read_points(self, item: Item, replies: list[tuple[tuple[int, ...], Reply]]) -> Judgement:
        heard = [chances(reply, MARKS, self.settings.reasons) for _, reply in replies]
        marks: list[list[float]] = [[] for _ in item.texts]
        for (shown, _), found in zip(replies, heard, strict=True):
            if found:
                marks[shown[0]].append(sum(int(mark) * chance for mark, chance in found.items()))
        invalid = sum(one is None for one in heard)
        means = tuple(sum(some) / len(some) for some in marks if some)
        return replace(self._judgement(item, invalid, (), shown=tuple(range(len(marks)))), marks=means)

    def _judgement(
        self, item: Item, invalid: int, readings: tuple[Reading, ...], shown: tuple[int, ...]
    ) -> Judgement:
        return Judgement(
            item.prompt, item.completions, item.attempt, item.principles, item.withheld, readings,
            invalid=invalid, shown=shown,
        )  # fmt: skip

    def _ranking(self, judged: Judgement) -> Ranking:
        """Tiers by how many others an answer beats; the soft label of two answers is the mean of both orders."""
        soft: tuple[tuple[int, int, float], ...] = ()
        if judged.marks:
            tiers = by_scores(judged.marks, self.tie)
        else:
            tiers, soft = by_points(len(judged.completions), judged.readings, self.tie)
        return Ranking(
            judged.prompt,
            judged.completions,
            tiers,
            by=self.name,
            source="ai",
            shown=judged.shown,
            weight=self.settings.weight,
            chances=soft,
        )


def example(ranking: Ranking, manner: str, turn: int) -> Shown:
    """A ranking as an example: its best against its worst, or the whole list."""
    if manner == "pairs":
        pair = [ranking.tiers[0][0], ranking.tiers[-1][0]]
        places = pair if turn % 2 == 0 else pair[::-1]
        verdict = LETTERS[places.index(pair[0])]
    else:
        places = list(range(len(ranking.completions)))
        verdict = " > ".join(" = ".join(str(place + 1) for place in tier) for tier in ranking.tiers)
    return Shown(ranking.prompt, tuple(ranking.completions[place].text for place in places), verdict)


def _side(chance: float) -> float:
    return 0.5 if chance == 0.5 else float(chance > 0.5)


def _above(tiers: dict[int, int], one: int, other: int) -> float:
    return 0.5 if tiers[one] == tiers[other] else float(tiers[one] < tiers[other])
