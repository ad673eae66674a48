"""Ratings, aspects and marks for steps on the starter world: what a reward model makes of each.

    python -m benchmarks.guidance [--run runs/methods] [--out runs/guidance] [--seeds 0,1,2] [--only ratings,...]

Begins with the runs of `python -m benchmarks.methods`: simulated people look at the same answers of the supervised
policy, and say something else of them than an order. A rater feels what an answer is worth to the judge, and errs.

ratings   the same feelings told as an order, or as numbers from 1 to 7 by six raters some of whom rate high, by how
          many prompts were annotated
aspects   half of the prompts ranked by what the answers say, half by how they say it; one model with two heads, by
          their weights
steps     each sentence marked by whether the answer is the worse for it, one mark in twenty wrong; against the reward
          model's own score, sentence by sentence

All are tried on other policies' answers to held-out prompts about new items.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
from sklearn.metrics import roc_auc_score

from benchmarks.starter import annotated, asked, begun, drawn, right, scorer, share, tried, whole
from concord import formats
from concord.batches.steps import pieces
from concord.maths.ensemble import combined
from concord.records import Completion, Ranking, Rating, StepLabels, seed_of
from concord.records.files import read_json, write_json
from concord.scoring import Aspects, Learned, Process, Segments
from concord.world import GoldJudge

SIZES = (150, 300, 600, 1200)
RATERS = 6
SCALE = (1, 7)
LEANING = 1.5
"""How far the highest rater rates above the middle, and the lowest below."""
WRONG = 0.05
"""Marks that are not what the rater saw."""
FIRST = ("sft", "sample")
MANNERS = {"opener": 0.2, "closer": 0.2, "ramble": -0.5, "ad": -1.0, "rude": -1.0}
"""What the judge gives for how something is said, sentence by sentence."""
SHARES = tuple(number / 20 for number in range(21))
Worth = Callable[[Completion], float]


def gold(answer: Completion) -> float:
    """What an answer is worth to the judge."""
    return GoldJudge().verdict(answer).score


def manner(answer: Completion) -> float:
    """What of this is for how it is said."""
    return sum(MANNERS.get(label, 0.0) for label in GoldJudge().verdict(answer).labels)


def content(answer: Completion) -> float:
    """What of this is for what it says."""
    return gold(answer) - manner(answer)


def felt(answer: Completion, worth: Worth, place: int, seed: int) -> float:
    """What a rater feels an answer to be worth: as the judge, and by chance, as in the Plackett-Luce model."""
    random = Random(seed_of("felt", seed, answer.prompt.id, place))
    return worth(answer) - math.log(-math.log(random.uniform(1e-12, 1.0 - 1e-12)))


def rater(answers: Sequence[Completion], seed: int) -> int:
    """Who looks at the answers to one prompt."""
    return seed_of("rater", seed, answers[0].prompt.id) % RATERS


def ranked(lists: Iterable[Sequence[Completion]], seed: int, worth: Worth, aspect: str) -> list[Ranking]:
    """The order of what was felt."""
    found = []
    for answers in lists:
        values = [felt(one, worth, place, seed) for place, one in enumerate(answers)]
        order = sorted(range(len(answers)), key=lambda place: -values[place])
        by = f"rater-{rater(answers, seed) + 1}"
        tiers = tuple((place,) for place in order)
        found.append(Ranking(answers[0].prompt, tuple(answers), tiers, aspect=aspect, by=by))
    return found


def rated(lists: Iterable[Sequence[Completion]], seed: int) -> list[Rating]:
    """The same as a number on a scale, by people of whom some rate high and some low."""
    low, high = SCALE
    found = []
    for answers in lists:
        who = rater(answers, seed)
        leaning = LEANING * (2 * who / (RATERS - 1) - 1)
        for place, one in enumerate(answers):
            value = (low + high) / 2 - 1 + felt(one, gold, place, seed) + leaning
            number = float(min(high, max(low, round(value))))
            found.append(Rating(one, number, by=f"rater-{who + 1}"))
    return found


def marked(answer: Completion, random: Random | None = None) -> StepLabels:
    """Each sentence by whether the answer is the worse for it; with chance, some marks are wrong."""
    steps = tuple(pieces(answer.text, "sentence"))
    upto = ["".join(steps[:end]) for end in range(len(steps) + 1)]
    worth = [gold(whole(answer, text)) for text in upto]
    worse = [after < before for before, after in pairwise(worth)]
    if random is not None:
        worse = [one != (random.random() < WRONG) for one in worse]
    return StepLabels(answer, steps, tuple("incorrect" if one else "correct" for one in worse))


def learned(run: Path, seed: int, place: Path, rankings: Sequence[Ranking], *settings: str) -> Path:
    """The reward stage of a run that takes its rankings from here."""
    path = place.with_name(f"{place.name}-rankings.jsonl")
    if not path.exists():
        formats.write_rankings(path, rankings)
    named = ("rank.by=file", f"rank.rankings={path}", *settings)
    return begun(run, seed, place, FIRST, "reward", *named)


def ratings(run: Path, out: Path, seed: int) -> dict[str, Any]:
    """How many pairs each form of the same feelings puts right, by how many prompts were annotated."""
    lists, found = annotated(run / f"seed-{seed}"), {}
    said = tried(run, seed)
    for size in SIZES:
        some = lists[:size]
        orders = ranked(some, seed, gold, "overall")
        numbers = out / f"ratings-{size}.jsonl"
        formats.write_ratings(numbers, rated(some, seed))
        alone = ("reward.batch=64", f"reward.ratings={{file: {numbers}, alone: true}}")
        forms: dict[str, tuple[str, ...]] = {
            "orders": (),
            "numbers": alone,
            "numbers less leanings": (*alone, "reward.ratings.raters=leaning"),
        }
        for name, settings in forms.items():
            folder = learned(run, seed, out / f"{size}-{name.replace(' ', '-')}", orders, *settings)
            found[f"{name} {size}"] = share(right(said, scorer(folder).score(said)))
    return found


def aspects(run: Path, out: Path, seed: int) -> dict[str, Any]:
    """How many pairs are right by each aspect and by the judge, for all weights of the two heads."""
    lists, said = annotated(run / f"seed-{seed}"), tried(run, seed)
    orders = [
        *ranked(lists[::2], seed, content, "content"),
        *ranked(lists[1::2], seed, manner, "manner"),
    ]
    folder = learned(run, seed, out / "aspects", orders, "reward.aspects={content: 1.0, manner: 1.0}")
    model = scorer(folder)
    assert isinstance(model, Aspects)
    scale = [torch.tensor(one).unsqueeze(-1) for one in (model.means, model.spreads)]
    heads = (model.opinions(said) - scale[0]) / scale[1]
    found = {}
    for weight in SHARES:
        scores = combined(heads, torch.tensor([1 - weight, weight])).tolist()
        found[f"{weight:g}"] = {
            name: share(right(said, scores, worth))
            for name, worth in (("judge", gold), ("content", content), ("manner", manner))
        }
    return found


def steps(run: Path, out: Path, seed: int) -> dict[str, Any]:
    """How well the sentences for which an answer is the worse are told from the others."""
    lists, said = annotated(run / f"seed-{seed}"), tried(run, seed)
    truth = [mark == "incorrect" for one in said for mark in marked(one).marks]
    outcome = scorer(run / f"seed-{seed}" / "reward")
    assert isinstance(outcome, Learned)
    parts = [-added for one in Segments(outcome, "sentence").trace(said) for _, added in one]
    found: dict[str, Any] = {
        "sentences": len(truth),
        "worse": sum(truth),
        "outcome": float(roc_auc_score(truth, parts)),
        "pairs outcome": share(right(said, outcome.score(said))),
    }
    for size in SIZES:
        random = Random(seed_of("marks", seed))
        path = out / f"steps-{size}.jsonl"
        said_there = [one for answers in lists[:size] for one in answers if one.text]
        formats.write_steps(path, [marked(one, random) for one in said_there])
        asked_for = f"reward.steps={{file: {path}, alone: true, cut: sentence, epochs: 3, batch: 64}}"
        orders = ranked(lists[:size], seed, gold, "overall")
        process = scorer(learned(run, seed, out / f"steps-{size}", orders, asked_for))
        assert isinstance(process, Process)
        doubts = [1 - chance for one in process.chances(said) for chance in one]
        found[f"process {size}"] = float(roc_auc_score(truth, doubts))
        found[f"pairs process {size}"] = share(right(said, process.score(said)))
    return found


PARTS: dict[str, Callable[[Path, Path, int], dict[str, Any]]] = {
    "ratings": ratings,
    "aspects": aspects,
    "steps": steps,
}


def figures(found: dict[str, list[dict[str, Any]]], out: Path) -> None:
    """The curves for the methods' pages."""
    if rows := found.get("ratings"):
        names = ("orders", "numbers less leanings", "numbers")
        lines = {
            name: [{float(size): row[f"{name} {size}"]["value"] for size in SIZES} for row in rows]
            for name in names
        }
        alt = "Pairs put right by how many prompts were annotated, by orders and by numbers"
        drawn("ratings", alt, "prompts annotated: share of pairs put right", lines, out)
    if rows := found.get("aspects"):
        lines = {
            name: [{share: row[f"{share:g}"][name]["value"] for share in SHARES} for row in rows]
            for name in ("content", "judge", "manner")
        }
        alt = "Pairs put right by content, by manner and by the judge, by the weight of manner"
        drawn("aspects", alt, "weight of manner: share of pairs put right", lines, out)
    if rows := found.get("steps"):
        lines = {
            "process": [{float(size): row[f"process {size}"] for size in SIZES} for row in rows],
            "outcome's own parts": [{float(size): row["outcome"] for size in SIZES} for row in rows],
        }
        alt = "How well sentences that make an answer worse are told from the others, by prompts annotated"
        drawn("process-reward", alt, "prompts marked: area under the ROC curve", lines, out)


def main() -> None:
    """Learn and try them all, and draw the curves."""
    more = {"only": {"type": lambda text: text.split(","), "default": list(PARTS)}}
    given = asked(__doc__ or "", "guidance", **more)
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in given.only:
        path = given.out / f"{name}.json"
        rows = read_json(path) if path.exists() else []
        for seed in given.seeds[len(rows) :]:
            place = given.out / f"seed-{seed}"
            place.mkdir(parents=True, exist_ok=True)
            rows.append(PARTS[name](given.run, place, seed))
            write_json(path, rows)
            print(name, seed, rows[-1], flush=True)
        found[name] = rows
    figures(found, given.curves)


if __name__ == "__main__":
    main()
