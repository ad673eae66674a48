"""Models' answers from files alone, without a run: scored answers, rankings and verdicts as duels and criteria."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from concord import formats
from concord.errors import RecordError
from concord.evaluation.answers import number
from concord.evaluation.duels import Duel, of_ranking, outcome
from concord.evaluation.orders import Reading, in_both
from concord.formats.containers import rows
from concord.formats.lines import Line
from concord.records import Ranking, Rating, prompt_key
from concord.records.text import Message

ROW = frozenset({"policy", "prompt_id", "text", "gold", "temperature"})
"""What a row of Concord's own answers has."""
VERDICT = frozenset({"instruction", "output_1", "output_2", "generator_1", "generator_2", "preference"})
"""What a row of AlpacaEval's annotations has; its probabilities count as what they are."""

Values = dict[str, dict[str, list[float]]]
"""Of each model, by prompt, the numbers that its answers were given."""


@dataclass
class Answered:
    """What some files hold of models' answers."""

    source: str
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What each model said, as (prompt, text)."""
    criteria: dict[str, Values] = field(default_factory=dict)
    """Numbers by criterion; the first of them decides who wins."""
    texts: dict[str, dict[str, dict[str, list[str]]]] = field(default_factory=dict)
    """The texts that these numbers were given for, in the same order."""
    readings: list[Reading] = field(default_factory=list)
    """Duels that somebody judged as such."""
    told: list[str] = field(default_factory=list)
    """What was noticed while reading, and what was taken for what."""

    seen: set[tuple[str, str, str]] = field(default_factory=set)
    """Model, prompt and text of all that was said."""

    def say(self, model: str, prompt: str, text: str) -> None:
        """One answer; what is said twice to a prompt is one answer."""
        if (model, prompt, text) not in self.seen:
            self.seen.add((model, prompt, text))
            self.said.setdefault(model, []).append((prompt, text))

    def score(self, model: str, prompt: str, text: str, criterion: str, value: float) -> None:
        """One number of one answer."""
        self.say(model, prompt, text)
        self.criteria.setdefault(criterion, {}).setdefault(model, {}).setdefault(prompt, []).append(value)
        self.texts.setdefault(criterion, {}).setdefault(model, {}).setdefault(prompt, []).append(text)

    def judge(self, reading: Reading) -> None:
        """One verdict on two answers."""
        self.readings.append(reading)
        duel = reading.duel
        for name, text in zip((duel.a, duel.b), duel.texts or (), strict=True):
            self.say(name, duel.prompt, text)


def answered(paths: Sequence[Path], temperature: float | None = None) -> Answered:
    """What the files hold together; all of it is read, or what is wrong with it is said."""
    found = Answered(", ".join(map(str, paths)))
    for path in paths:
        first = next(iter(rows(path)), None)
        if first is None or first.fault:
            formats.recognise(path)  # says what is wrong with it
            raise RecordError(
                f"{path} holds no row that can be read. Give a file with one JSON object a line."
            )
        if first.row.keys() >= ROW:
            own(path, found, temperature)
        elif first.row.keys() >= VERDICT:
            verdicts(path, found)
        else:
            foreign(path, found)
    if not found.said:
        raise RecordError(f"{found.source}: no answer has a score or a verdict, so nothing can be compared.")
    return found


def told_of(path: Path, line: Line, reason: str) -> RecordError:
    """What is wrong with a row."""
    return RecordError(f"{path}:{line.number}: {reason}")


def checked(path: Path, needed: frozenset[str]) -> Iterator[Line]:
    """The rows of a file, each with all that is needed."""
    for line in rows(path):
        if line.fault:
            raise told_of(path, line, str(line.fault))
        if missing := sorted(needed - line.row.keys()):
            raise told_of(path, line, f"`{missing[0]}` is missing. Add it, or take the row out.")
        yield line


def own(path: Path, found: Answered, wanted: float | None) -> None:
    """Rows of `answers.jsonl`, at one temperature."""
    lines = list(checked(path, ROW))
    for line in lines:
        if number(line.row["temperature"]) is None:
            raise told_of(path, line, "`temperature` is no number. Correct it, or take the row out.")
    warm = list(dict.fromkeys(line.row["temperature"] for line in lines))
    if wanted is not None and wanted not in warm:
        raise RecordError(
            f"{path} has no answers at temperature {wanted:g}; it has {', '.join(map(str, warm))}."
        )
    taken = warm[0] if wanted is None else wanted
    if len(warm) > 1:
        found.told.append(
            f"{path}: answers at temperature {taken:g} of {', '.join(f'{one:g}' for one in warm)}."
        )
    unjudged = 0
    for line in lines:
        row = line.row
        if row["temperature"] != taken:
            continue
        gold = number(row["gold"])
        if gold is None:
            unjudged += 1
            continue
        text, prompt = row["text"], row["prompt_id"]
        if not isinstance(text, str):
            raise told_of(path, line, "`text` is not a text. Correct it, or take the row out.")
        found.score(str(row["policy"]), str(prompt), text, "gold", gold)
    if unjudged:
        found.told.append(f"{path}: answers left out because they have no score: {unjudged:,}.")


def verdicts(path: Path, found: Answered) -> None:
    """AlpacaEval's annotations: 1 for the first output, 2 for the second, between them a probability."""
    undecided = alone = 0
    for line in checked(path, VERDICT):
        row = line.row
        told = row["preference"]
        if row["generator_1"] == row["generator_2"]:
            alone += 1
            continue
        if told is None:
            undecided += 1
            continue
        value = number(told)
        if value is None or not (value == 0 or 1 <= value <= 2):
            raise told_of(path, line, f"`preference` is {told!r}; it must be 0 or between 1 and 2.")
        texts = (str(row["output_1"]), str(row["output_2"]))
        names = (str(row["generator_1"]), str(row["generator_2"]))
        prompt = prompt_key([Message("user", str(row["instruction"]))])
        found.judge(Reading(Duel(prompt, *names, 0.5 if value == 0 else 2 - value, texts), None))
    if undecided:
        found.told.append(f"{path}: rows left out because they have no preference: {undecided:,}.")
    if alone:
        found.told.append(f"{path}: rows left out because a model meets itself in them: {alone:,}.")


def foreign(path: Path, found: Answered) -> None:
    """Any format that holds ratings, or else rankings."""
    guess = formats.recognise(path)
    format = formats.FORMATS[guess.format]
    if format.reader("ratings") is not None:
        passage = formats.Passage(path, "ratings", format=guess.format)
        for rating in passage:
            scored(path, rating, found)
    elif format.reader("rankings") is not None:
        passage = formats.Passage(path, "rankings", format=guess.format)
        for ranking in passage:
            ranked(path, ranking, found)
    else:
        raise RecordError(
            f"{path} is read as {guess.format}, which holds neither scores nor rankings of answers. Give a file that "
            "says which model gave each answer, and what a judge thinks of it."
        )
    found.told += passage.warnings


def scored(path: Path, rating: Rating, found: Answered) -> None:
    """One score of one answer."""
    said = rating.completion
    if not said.by:
        raise RecordError(f"{path}: an answer to prompt {said.prompt.id} does not say which model gave it.")
    found.score(said.by, said.prompt.id, said.text, rating.aspect, rating.value)


def ranked(path: Path, ranking: Ranking, found: Answered) -> None:
    """Every two ranked answers of different models."""
    for one, other, won in of_ranking(ranking):
        ours, theirs = ranking.completions[one], ranking.completions[other]
        if not (ours.by and theirs.by):
            raise RecordError(
                f"{path}: an answer to prompt {ranking.prompt.id} does not say which model gave it."
            )
        if ours.by != theirs.by:
            shown = ranking.shown
            forth = shown.index(one) < shown.index(other) if {one, other} <= set(shown) else None
            duel = Duel(ranking.prompt.id, ours.by, theirs.by, won, (ours.text, theirs.text))
            found.judge(Reading(duel, forth))


def baseline(values: Mapping[str, Mapping[str, Sequence[float]]]) -> str | None:
    """The model that all scores are chances of beating: it alone has a half everywhere, and all lie in 0..1."""
    flat = {name: {value for some in by.values() for value in some} for name, by in values.items()}
    halves = [name for name, some in flat.items() if some == {0.5}]
    inside = all(0 <= value <= 1 for some in flat.values() for value in some)
    return halves[0] if len(halves) == 1 and inside and len(flat) > 1 else None


def duels_of(found: Answered) -> tuple[list[Duel], dict[str, Any] | None, str | None]:
    """All duels of the files, how much order mattered, and the model that scores are chances against, if they are."""
    duels, card = in_both(found.readings)
    if not found.criteria:
        return duels, card, None
    criterion, values = next(iter(found.criteria.items()))
    against, texts, odd = baseline(values), found.texts[criterion], 0
    pairs: Iterable[tuple[str, str]] = combinations(values, 2)
    if against is not None:
        pairs = [(name, against) for name in values if name != against]
    for a, b in pairs:
        for prompt, ours in values[a].items():
            theirs = values[b].get(prompt, [])
            odd += abs(len(ours) - len(theirs)) if theirs else 0
            shown = zip(texts[a][prompt], texts[b].get(prompt, []), strict=False)
            for one, other, both in zip(ours, theirs, shown, strict=False):
                duels.append(Duel(prompt, a, b, one if against else outcome(one, other), both))
    if odd:
        found.told.append(
            f"Scores left out of duels because the other model has fewer to the prompt: {odd:,}."
        )
    return duels, card, against
