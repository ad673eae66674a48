"""Reward models of every kind: losses by hand on a tiny model, and one gradient however a step is cut into batches."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families, methods
from tests.rooms.methods import PROMPTS, RANKINGS, gradients

from concord.algorithms import Course, process, reward
from concord.batches import collate
from concord.batches.opinions import ratings
from concord.batches.steps import CUTS, pieces
from concord.errors import RecordError
from concord.models import RewardModel
from concord.records import MARKS, Completion, Ranking, Rating, StepLabels
from concord.settings import Learning, Ratings, Reward, Steps

TIED = methods.ranking(PROMPTS[4], ((0, 1),), "calm", "deep and calm")
RATINGS = [
    Rating(Completion(PROMPTS[0], "yes please"), 4.0, by="a"),
    Rating(Completion(PROMPTS[0], "no"), 1.0, by="b"),
    Rating(Completion(PROMPTS[1], "far, far away"), 2.0, by="a"),
    Rating(Completion(PROMPTS[4], "blue"), 5.0, by="c"),
]
LABELS = [
    StepLabels(Completion(PROMPTS[0], "one\ntwo\n3"), ("one\n", "two\n", "3"), ("correct", "incorrect", "neutral")),
    StepLabels(Completion(PROMPTS[1], "ten miles. Or so."), ("ten miles. ", "Or so."), ("correct", "correct")),
    StepLabels(Completion(PROMPTS[2], "no"), ("no",), ("incorrect",)),
    StepLabels(Completion(PROMPTS[3], "it is\nfar"), ("it is\n", "far"), ("neutral", "incorrect")),
]  # fmt: skip


@dataclass
class Light:
    """What reward models ask of a bench: no network but their own."""

    learning: Learning
    seed: int = 3

    def say(self, line: str) -> None:
        """Nobody listens."""


def bench(micro_tokens: int = 8192) -> Light:
    return Light(Learning(micro_tokens=micro_tokens))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("reward") / "gpt2", "gpt2")


def model(path: Path, heads: tuple[str, ...] = ("overall",)) -> RewardModel:
    """In float64, with a head that says something."""
    made = RewardModel.load(path, families.CPU, heads=heads)
    torch.manual_seed(2)
    torch.nn.init.normal_(made.network.score.weight)
    made.network.double()
    return made


def of(aspect: str, one: Ranking) -> Ranking:
    return Ranking(one.prompt, one.completions, one.tiers, aspect=aspect)


def aspects(parts: Any, path: Path) -> Course:
    shown = {
        "kind": [of("kind", one) for one in RANKINGS[:2]],
        "true": [of("true", one) for one in RANKINGS[1:]],
    }
    rated = [Rating(one.completion, one.value, aspect="true", by=one.by) for one in RATINGS]
    asked = Reward(epochs=1, batch=9, aspects={"kind": 1.0, "true": 2.0}, ratings=Ratings(weight=0.5))
    return reward.build(asked, parts, model(path, ("kind", "true")), shown, rated)


def ranked(**settings: Any) -> Callable[[Any, Path], Course]:
    def made(parts: Any, path: Path) -> Course:
        course = reward.build(Reward(epochs=1, batch=9, **settings), parts, model(path), [*RANKINGS, TIED])
        course.objective.habits.double()
        return course

    return made


def rated(**settings: Any) -> Callable[[Any, Path], Course]:
    def made(parts: Any, path: Path) -> Course:
        asked = Reward(epochs=1, batch=9, ratings=Ratings(**settings))
        given = [replace(one, value=1.0 if one.value > 2 else -1.0) for one in RATINGS]
        course = reward.build(
            asked, parts, model(path), RANKINGS, given if asked.ratings.loss == "hinge" else RATINGS
        )
        torch.nn.init.normal_(course.objective.habits.double().leanings)
        return course

    return made


def stepwise(parts: Any, path: Path) -> Course:
    return process.build(Steps(epochs=1, batch=9), parts, model(path, MARKS), LABELS)


KINDS: Mapping[str, Callable[[Any, Path], Course]] = {
    "bradley-terry-margin": ranked(likelihood="bradley-terry-margin", margin=0.5),
    "davidson": ranked(likelihood="davidson"),
    "ranknet": ranked(likelihood="ranknet"),
    "listnet": ranked(likelihood="listnet"),
    "ratings": rated(weight=0.7),
    "leaning": rated(raters="leaning"),
    "hinge": rated(loss="hinge"),
    "aspects": aspects,
    "process": stepwise,
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_gradient_however_a_step_is_cut(kind: str, path: Path) -> None:
    """Pain 10: lists or steps weigh the same, whether a step is one batch, several, or one a row."""
    (whole,), (notes,) = gradients(KINDS[kind](bench(), path))
    assert max(float(gradient.abs().max()) for gradient in whole.values()) > 1e-3
    counts = set()
    for micro_tokens in (1, 100):
        course = KINDS[kind](bench(micro_tokens), path)
        (cut,), (told,) = gradients(course)
        course.feed.restore({"done": 0})
        counts.add(len(next(iter(course.feed))))
        assert cut.keys() == whole.keys()
        for name, gradient in whole.items():
            torch.testing.assert_close(cut[name], gradient, atol=1e-9, rtol=0)
        assert told["loss"] == pytest.approx(notes["loss"], abs=1e-6)
    assert len(counts) > 1 and max(counts) >= 4


def score_of(who: RewardModel, one: Completion, head: int = 0) -> float:
    """A score from the plain Hugging Face model: its head on the last token of one unpadded row."""
    row = who.template.completion(one)
    states = who.network.transformer(torch.tensor([row.tokens])).last_hidden_state[0, -1]
    return float((states @ who.network.score.weight.T)[head].detach())


def test_t17_ratings_and_rankings_by_hand(path: Path) -> None:
    """Values are standardised (mean 3, spread 1.58); leanings count from their mean; all lists weigh the same."""
    course = KINDS["leaning"](bench(), path)
    who, habits = course.objective.model, course.objective.habits
    _, (notes,) = gradients(course)
    spread = (sum((v - 3) ** 2 for v in (4, 1, 2, 5)) / 4) ** 0.5
    leanings = (habits.leanings - habits.leanings.mean()).tolist()
    errors = [
        (score_of(who, one.completion) + leanings["abc".index(one.by)] - (one.value - 3) / spread) ** 2
        for one in RATINGS
    ]
    only_ranked = reward.build(Reward(epochs=1, batch=9), bench(), model(path), RANKINGS)
    _, (ranked_notes,) = gradients(only_ranked)
    assert notes["error"] == pytest.approx(sum(errors) / 4, abs=1e-6)
    assert notes["loss"] == pytest.approx((sum(errors) + 4 * ranked_notes["loss"]) / 8, abs=1e-6)
    assert notes["accuracy"] == pytest.approx(ranked_notes["accuracy"], abs=1e-9)
    record = course.objective.record()
    assert record["scales"] == {"overall": {"mean": 3.0, "spread": pytest.approx(spread)}}
    assert record["leanings"] == pytest.approx(dict(zip("abc", leanings, strict=True)))


def test_t12_how_readily_judges_tie_is_learned_and_told(path: Path) -> None:
    """Davidson's nu is noted as it is, not as its logarithm; who reads no ties learns no habits."""
    course = KINDS["davidson"](bench(), path)
    assert set(course.networks) == {"reward", "habits"}
    course.networks["habits"].tie.data.fill_(math.log(3))
    assert course.objective.record() == {"tie": pytest.approx(3.0)}
    plain = reward.build(Reward(epochs=1, batch=9), bench(), model(path), RANKINGS)
    assert set(plain.networks) == {"reward"} and plain.objective.record() == {}
    assert set(KINDS["ratings"](bench(), path).networks) == {"reward"}  # raters who are taken to be alike


def test_t25_each_list_teaches_its_own_head(path: Path) -> None:
    """The gradient of the other head's weights is 0."""
    asked = Reward(epochs=1, batch=9, aspects={"kind": 1.0, "true": 2.0})
    for place, aspect in enumerate(asked.aspects):
        who = model(path, tuple(asked.aspects))
        (found,), (notes,) = gradients(reward.build(asked, bench(), who, {aspect: RANKINGS}))
        weight = found["reward.score.weight"]
        assert weight[place].abs().max() > 1e-3 and not weight[1 - place].any()
        alone = model(path)
        alone.network.score.weight.data.copy_(who.network.score.weight.data[place : place + 1])
        _, (single,) = gradients(reward.build(Reward(epochs=1, batch=9), bench(), alone, RANKINGS))
        assert notes["loss"] == pytest.approx(single["loss"], abs=1e-9)


def test_t12_rankings_that_are_nothing_but_ties_teach_who_learns_from_ties(path: Path) -> None:
    limit, template = 96, model(path).template
    told: list[str] = []
    assert len(collate.rankings([*RANKINGS, TIED], template, limit, told.append)) == len(RANKINGS)
    assert told == ["1 of 5 rankings put all answers in one tier; they teach nothing and were left out."]
    assert (
        len(collate.rankings([*RANKINGS, TIED], template, limit, told.append, ties=True)) == len(RANKINGS) + 1
    )
    assert len(told) == 1


def test_t30_process_loss_by_hand(path: Path) -> None:
    """The mean over marked steps of -log p(mark), read at each step's last token from one plain row a prefix."""
    course = KINDS["process"](bench(), path)
    who = course.objective.model
    _, (notes,) = gradients(course)
    surprises, right = [], []
    for one in LABELS:
        asked = who.template.prompt(one.completion.prompt)
        for number, mark in enumerate(one.marks, start=1):
            prefix = asked + who.template.encode("".join(one.steps[:number]))
            prefix += [who.template.stops.end] if number == len(one.steps) else []
            states = who.network.transformer(torch.tensor([prefix])).last_hidden_state[0, -1]
            found = (states @ who.network.score.weight.T).log_softmax(-1).tolist()
            surprises.append(-found[MARKS.index(mark)])
            right.append(max(found) == found[MARKS.index(mark)])
    assert notes["loss"] == pytest.approx(sum(surprises) / len(surprises), abs=1e-6)
    assert notes["accuracy"] == pytest.approx(sum(right) / 8) and 0 < sum(right) < 8
    assert notes["incorrect"] == pytest.approx(3 / 8)


@pytest.mark.parametrize("cut", CUTS)
def test_t24_pieces_joined_are_the_text(cut: str) -> None:
    for text in ("", "\n", "a", "a\n\nb\n", "It is 3.14. Really?! Yes...\nNo", " . ", "end.\n\nNext. "):
        assert "".join(pieces(text, cut)) == text
    assert pieces("It is 3.14. Really?! Yes", "sentence") == ["It is 3.14. ", "Really?! ", "Yes"]
    assert pieces("a b\n\nc\n", "line") == ["a b\n\n", "c\n"]


def test_an_empty_rated_answer_is_an_error_that_names_its_prompt(path: Path) -> None:
    nothing = Rating(Completion(PROMPTS[0], "", finish="length"), 1.0)
    with pytest.raises(RecordError, match=f"prompt {PROMPTS[0].id} is empty"):
        ratings([nothing], model(path).template, 96, print, {})


def test_t24_labels_are_plus_or_minus_one(path: Path) -> None:
    with pytest.raises(RecordError, match=rf"prompt {PROMPTS[0].id} has the label 4.0"):
        ratings(RATINGS, model(path).template, 96, print, {}, labels=True)
