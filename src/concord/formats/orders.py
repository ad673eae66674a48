"""Orders of answers as foreign rows hold them: pairs, ranks and scores, each read into tiers and written from them."""

from collections.abc import Sequence

from concord.formats.dialogue import different
from concord.formats.fields import Fault
from concord.formats.losses import Losses
from concord.formats.rows import Notes
from concord.records import Completion, Prompt, Ranking, Source, digest

Tiers = tuple[tuple[int, ...], ...]


def two(
    prompt: Prompt,
    better: str,
    worse: str,
    notes: Notes,
    at: str = "chosen, rejected",
    names: tuple[str, str] = ("", ""),
    source: Source = "human",
    by: str = "",
) -> Ranking:
    """A comparison: the ranking of two answers, the better one first."""
    completions = (Completion(prompt, better, by=names[0]), Completion(prompt, worse, by=names[1]))
    different(completions, at, notes)
    return Ranking(prompt, completions, ((0,), (1,)), by=by, source=source)


def versus(
    prompt: Prompt,
    answers: tuple[Completion, Completion],
    winner: int | None,
    notes: Notes,
    at: str,
    source: Source = "human",
    by: str = "",
    all_bad: bool = False,
) -> Ranking:
    """A comparison of two answers in the order of the row: the winner's place, or none for a tie."""
    different(answers, at, notes)
    tiers: Tiers = ((0, 1),) if winner is None else ((winner,), (1 - winner,))
    return Ranking(prompt, answers, tiers, by=by, source=source, all_bad=all_bad)


def tiers_by(values: Sequence[float | None], lower: bool) -> Tiers:
    """Places in tiers by their numbers, best first; equal numbers are a tie, and none is not ranked."""
    known = {value for value in values if value is not None}
    return tuple(
        tuple(place for place, value in enumerate(values) if value == level)
        for level in sorted(known, reverse=not lower)
    )


def ranked(
    prompt: Prompt,
    completions: Sequence[Completion],
    values: Sequence[float | None],
    notes: Notes,
    at: str,
    lower: bool = False,
    source: Source = "human",
) -> Ranking:
    """A list of answers with a number each as one ranking; two of them at least must have one."""
    if len(completions) < 2:
        raise Fault(at, f"holds {len(completions)}; a ranking needs at least two answers")
    known = sum(value is not None for value in values)
    if known < 2:
        raise Fault(at, f"only {known} of {len(values)} answers have a number, so nothing is preferred")
    different(tuple(completions), at, notes)
    tiers = tiers_by(values, lower)
    if len(tiers) < 2:
        notes.warn("all ranked answers are tied, so the ranking gives no pair")
    return Ranking(prompt, tuple(completions), tiers, source=source)


def places(ranking: Ranking) -> list[int | None]:
    """For each answer the tier in which it stands, counted from 0."""
    found: list[int | None] = [None] * len(ranking.completions)
    for level, tier in enumerate(ranking.tiers):
        for position in tier:
            found[position] = level
    return found


def listable(
    ranking: Ranking, losses: Losses, *kept: str, usual: Source = "human", answers: str = ""
) -> list[tuple[Completion, int | None]]:
    """The answers of a ranking with their tiers, if a reader of lists can take them; nothing if not.

    What the format keeps is named: `unranked` for answers without a tier, and fields of the ranking.
    """
    levels = dict(enumerate(places(ranking)))
    held = []
    for completion, level in ((ranking.completions[place], level) for place, level in levels.items()):
        if not completion.text.strip():
            losses.add("empty answers", "answers dropped")
        elif level is None and "unranked" not in kept:
            losses.add("unranked answers", "answers dropped")
        else:
            held.append((completion, level))
    if sum(level is not None for _, level in held) < 2:
        losses.add("rankings of fewer than two answers", "rankings dropped")
        return []
    if len({completion.text for completion, _ in held}) == 1:
        losses.add("lists of equal answers", "rankings dropped")
        return []
    losses.listed(ranking, *kept, usual=usual, answers=answers)
    # Levels without a gap: a tier whose only answer was empty is gone.
    order = sorted({level for _, level in held if level is not None})
    return [(one, None if level is None else order.index(level)) for one, level in held]


def sayable_pairs(
    ranking: Ranking, losses: Losses, *kept: str, usual: Source = "human", answers: str = ""
) -> list[tuple[Completion, Completion]]:
    """The pairs of a ranking that a reader of pairs can take: two different texts, none empty."""
    pairs = losses.pairs(ranking, *kept, usual=usual, answers=answers)
    named = [(ranking.completions[one], ranking.completions[other]) for one, other in pairs]
    return [pair for pair in named if sayable(*pair, losses)]


def compared(
    ranking: Ranking, losses: Losses, *kept: str, usual: Source = "human", answers: str = ""
) -> list[tuple[Completion, Completion, int | None]]:
    """Every two ranked answers, ties too, each in an order that does not tell the winner, and its place."""
    found = [*((one, other, 0) for one, other in ranking.pairs())]
    tied = [
        (one, other, None)
        for tier in ranking.tiers
        for place, one in enumerate(tier)
        for other in tier[place + 1 :]
    ]
    rows: list[tuple[Completion, Completion, int | None]] = []
    for first, second, winner in [*found, *tied]:
        one, other = ranking.completions[first], ranking.completions[second]
        if sayable(one, other, losses):
            # A coin that falls the same way for the same two texts, whichever of them is better.
            coin = digest(*sorted((one.text, other.text))) < "8"
            swapped = coin != (one.text < other.text)
            place = winner if winner is None or not swapped else 1 - winner
            rows.append((other, one, place) if swapped else (one, other, place))
    losses.add("unranked answers", "answers dropped", len(ranking.unranked))
    losses.add("rankings without a pair", "rankings dropped", not rows)
    losses.add("lists", "rankings of more than two answers cut into pairs", len(rows) > 1)
    if rows:
        losses.listed(ranking, *kept, usual=usual, answers=answers)
    return rows


def sayable(one: Completion, other: Completion, losses: Losses) -> bool:
    """Whether a reader of pairs can take two answers: two different texts, none empty."""
    if not one.text.strip() or not other.text.strip():
        losses.add("empty answers", "pairs dropped")
        return False
    if one.text == other.text:
        losses.add("pairs of equal answers", "pairs dropped")
        return False
    return True


def one_message(prompt: Prompt, losses: Losses, what: str = "rankings") -> str | None:
    """The text of a prompt that is one message of the user; none, and a loss, for a dialogue."""
    if len(prompt.messages) > 1:
        losses.add("dialogues", f"{what} of several messages dropped")
        return None
    return prompt.messages[0].content
