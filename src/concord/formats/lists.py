"""Lists of K answers that stay lists: ranks, scores, and the better and the worse of several."""

import re
from collections.abc import Sequence
from typing import Any

from concord.formats import fields, hh
from concord.formats.dialogue import answer, answer_turn, message_rows, plain_prompt, prompt_of
from concord.formats.fields import Fault, as_list, as_object, as_text, below, need, optional
from concord.formats.losses import Losses
from concord.formats.orders import listable, one_message, ranked
from concord.formats.rows import Notes
from concord.records import Completion, Prompt, Ranking, Rating

NEMO = frozenset({"context", "completions"})
NECTAR = frozenset({"prompt", "answers"})
SCORED = frozenset({"prompt", "completions"})
SCORED_ANSWER = frozenset({"text", "model", "score"})
RATED = frozenset({"instruction", "generations", "generation_models", "ratings"})
BENCH = frozenset({"prompt", "chosen", "rejected"})


def entries(value: Any, at: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with the path to it."""
    found = enumerate(as_list(value, at))
    return [(f"{at}[{place}]", as_object(entry, f"{at}[{place}]")) for place, entry in found]


def read_nemo(row: dict[str, Any], notes: Notes) -> Ranking:
    """A context and completions with a rank each, of which the lowest is the best."""
    notes.unknown(row, NEMO)
    prompt = prompt_of(need(row, "context"), "context", notes)
    completions, ranks = [], []
    for at, entry in entries(need(row, "completions"), "completions"):
        notes.unknown(entry, frozenset({"rank", "completion"}), "completions[…]")
        turn = need(entry, "completion", at)
        completions.append(Completion(prompt, answer_turn(turn, below(at, "completion"), notes)))
        ranks.append(fields.as_whole(need(entry, "rank", at), below(at, "rank")))
    return ranked(prompt, completions, ranks, notes, "completions", lower=True)


def write_nemo(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking whole, ties as equal ranks; what was not ranked is left out."""
    held = listable(ranking, losses)
    rows = [{"rank": level, "completion": message_rows_of(one)} for one, level in held]
    return [{"context": message_rows(ranking.prompt.messages), "completions": rows}] if held else []


def message_rows_of(completion: Completion) -> list[dict[str, str]]:
    """An answer as a list with one assistant message."""
    return [{"role": "assistant", "content": completion.text}]


def read_nectar(row: dict[str, Any], notes: Notes) -> Ranking:
    """A transcript and answers with a rank each, given by a model; the lowest is the best."""
    notes.unknown(row, NECTAR)
    text = as_text(need(row, "prompt"), "prompt")
    start = re.sub(r"\n\nAssistant:\s*\Z", "", text)
    if start == text:
        raise Fault("prompt", "must end with an empty line and Assistant:")
    prompt = notes.prompt(hh.turns(start, notes, "prompt"), "", (), "")
    completions, ranks = [], []
    for at, entry in entries(need(row, "answers"), "answers"):
        notes.unknown(entry, frozenset({"answer", "model", "rank"}), "answers[…]")
        said = answer(need(entry, "answer", at), below(at, "answer"))
        completions.append(Completion(prompt, said, by=optional(entry, "model", at, as_text, "")))
        ranks.append(fields.as_number(need(entry, "rank", at), below(at, "rank")))
    return ranked(prompt, completions, ranks, notes, "answers", lower=True, source="ai")


def write_nectar(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking whole, if its transcript reads back as it was."""
    if any(turn.role == "system" for turn in ranking.prompt.messages):
        losses.add("system messages", "rankings dropped")
        return []
    text = hh.transcript(ranking.prompt) + " "
    try:
        start = re.sub(r"\n\nAssistant:\s*\Z", "", text)
        same = hh.turns(start, Notes(), "prompt") == ranking.prompt.messages
    except Fault:
        same = False
    if not same:
        losses.add("texts that look like its own marks", "rankings dropped")
        return []
    held = listable(ranking, losses, usual="ai", answers="by")
    rows = [
        {"answer": one.text, "model": one.by, "rank": float(level + 1)}
        for one, level in held
        if level is not None
    ]
    return [{"prompt": text, "answers": rows}] if held else []


def scored(row: dict[str, Any], notes: Notes) -> tuple[Prompt, list[Completion], list[float | None]]:
    """A prompt and answers with a score each, or without one."""
    notes.unknown(row, SCORED)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    completions, scores = [], []
    for at, entry in entries(need(row, "completions"), "completions"):
        notes.unknown(entry, SCORED_ANSWER, "completions[…]")
        said = answer(need(entry, "text", at), below(at, "text"))
        completions.append(Completion(prompt, said, by=optional(entry, "model", at, as_text, "")))
        scores.append(optional(entry, "score", at, as_score, None))
    return prompt, completions, scores


def as_score(value: Any, at: str) -> float | None:
    """A number that an answer was given."""
    return fields.as_number(value, at)


def as_ratings(completions: Sequence[Completion], values: Sequence[float | None]) -> list[Rating]:
    """Each answer that was given a number, with it."""
    pairs = zip(completions, values, strict=True)
    return [Rating(one, value, source="ai") for one, value in pairs if value is not None]


def read_scored(row: dict[str, Any], notes: Notes) -> Ranking:
    """A list of scored answers as a ranking: equal scores are a tie, no score is not ranked."""
    prompt, completions, scores = scored(row, notes)
    notes.warn("scores were read as an order; read the file as ratings to keep the numbers")
    return ranked(prompt, completions, scores, notes, "completions", source="ai")


def read_scored_ratings(row: dict[str, Any], notes: Notes) -> list[Rating]:
    """A list of scored answers as a rating each."""
    _, completions, scores = scored(row, notes)
    return as_ratings(completions, scores)


def write_scored(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking whole: the worst tier has the score 1, each better one a point more."""
    prompt = one_message(ranking.prompt, losses)
    held = [] if prompt is None else listable(ranking, losses, "unranked", usual="ai", answers="by")
    rows = [
        {"text": one.text} | ({"model": one.by} if one.by else {}) | {"score": points}
        for (one, _), points in zip(held, as_points(held), strict=True)
    ]
    return [{"prompt": prompt, "completions": rows}] if held else []


def as_points(held: Sequence[tuple[Completion, int | None]]) -> list[float | None]:
    """Tiers as numbers: 1 for the worst, a point more for each better one, none where nothing is ranked."""
    top = max((level for _, level in held if level is not None), default=0)
    return [None if level is None else float(top + 1 - level) for _, level in held]


def rated(row: dict[str, Any], notes: Notes) -> tuple[Prompt, list[Completion], list[float | None]]:
    """An instruction, generations and the number that a model gave to each."""
    notes.unknown(row, RATED)
    prompt = plain_prompt(need(row, "instruction"), "instruction", notes)
    texts = as_list(need(row, "generations"), "generations")
    ratings = as_list(need(row, "ratings"), "ratings")
    models = optional(row, "generation_models", "", as_list, [""] * len(texts))
    if not len(texts) == len(ratings) == len(models):
        raise Fault(
            "ratings", f"{len(texts)} generations, {len(models)} models and {len(ratings)} ratings differ"
        )
    completions = [
        Completion(
            prompt, answer(text, f"generations[{place}]"), by=as_text(by, f"generation_models[{place}]")
        )
        for place, (text, by) in enumerate(zip(texts, models, strict=True))
    ]
    values = [
        None if value is None else fields.as_number(value, f"ratings[{place}]")
        for place, value in enumerate(ratings)
    ]
    return prompt, completions, values


def read_rated(row: dict[str, Any], notes: Notes) -> Ranking:
    """A list of rated generations as a ranking: equal numbers are a tie."""
    prompt, completions, values = rated(row, notes)
    notes.warn("ratings were read as an order; read the file as ratings to keep the numbers")
    return ranked(prompt, completions, values, notes, "generations", source="ai")


def read_rated_ratings(row: dict[str, Any], notes: Notes) -> list[Rating]:
    """A list of rated generations as a rating each."""
    _, completions, values = rated(row, notes)
    return as_ratings(completions, values)


def write_rated(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking whole: the worst tier has the rating 1, each better one a point more."""
    prompt = one_message(ranking.prompt, losses)
    held = [] if prompt is None else listable(ranking, losses, "unranked", usual="ai", answers="by")
    row = {
        "instruction": prompt,
        "generations": [one.text for one, _ in held],
        "generation_models": [one.by for one, _ in held],
        "ratings": as_points(held),
    }
    return [row] if held else []


def read_bench_lists(row: dict[str, Any], notes: Notes) -> Ranking:
    """RewardBench 2: several right answers and several wrong ones, as two tiers."""
    notes.unknown(row, BENCH)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    completions, values = [], []
    for key, value in (("chosen", 1.0), ("rejected", 0.0)):
        texts = as_list(need(row, key), key)
        if not texts:
            raise Fault(key, "at least one answer is needed", texts)
        completions += [Completion(prompt, answer(text, f"{key}[{n}]")) for n, text in enumerate(texts)]
        values += [value] * len(texts)
    return ranked(prompt, completions, values, notes, "chosen, rejected")


def write_bench_lists(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """The best tier of a ranking against all others."""
    prompt = one_message(ranking.prompt, losses)
    held = [] if prompt is None else listable(ranking, losses)
    best = [one.text for one, level in held if level == 0]
    rest = [one.text for one, level in held if level]
    losses.add("more than two tiers", "rankings lost the order below the best", len({n for _, n in held}) > 2)
    losses.add("rankings without a pair", "rankings dropped", bool(held) and not rest)
    return [{"prompt": prompt, "chosen": best, "rejected": rest}] if rest else []
