"""Scorers made of several opinions, of steps and of segments: independent of the batch, the same after saving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families

from concord.batches.steps import pieces
from concord.errors import Diverged, ModelError
from concord.maths.process import CORRECT
from concord.models import RewardModel
from concord.models.folder import heads
from concord.records import MARKS, Completion
from concord.scoring import Aspects, Combined, Ensemble, Learned, Part, Process, Segments

torch.set_num_threads(1)

TEXTS = (
    "one two. Three four five.\nSix",
    "",
    "yes",
    "no\nno\n\nno no no no no",
    "It is 3.14. Really?! Ünïcödé ☂ ends.",
)
SAID = [Completion(families.asked("hi " * (1 + n % 3)), text, finish="stop") for n, text in enumerate(TEXTS)]
SAID += [Completion(SAID[0].prompt, "cut off in the mid", finish="length")]
KIND_TRUE = ("kind", "true")


def saved(folder: Path, names: tuple[str, ...] = ("overall",)) -> RewardModel:
    """A model with loud heads, saved and loaded again."""
    made = RewardModel.load(families.folder(folder / "sft", "llama"), families.CPU, heads=names)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.network.score.weight)
    made.save(folder / "model")
    again = RewardModel.load(folder / "model", families.CPU)
    assert torch.equal(again.network.score.weight, made.network.score.weight)
    return again


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    return saved(tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def stepwise(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    return saved(tmp_path_factory.mktemp("stepwise"), MARKS)


class Told:
    """A scorer that says what it was told to."""

    def __init__(self, *scores: float) -> None:
        self.scores = scores

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return list(self.scores[: len(completions)])


@torch.no_grad()
def plain(model: RewardModel, tokens: list[int]) -> torch.Tensor:
    """What the Hugging Face model says at the end of one unpadded row."""
    states = model.network.model(torch.tensor([tokens])).last_hidden_state[0, -1]
    return (model.network.score.weight @ states).double()


def test_t13_several_heads_are_saved_by_name_and_scored_alike_in_any_batch(tmp_path: Path) -> None:
    """T25 too: each head in its own units, weights divided by their sum."""
    model = saved(tmp_path, KIND_TRUE)
    assert model.heads == heads(tmp_path / "model") == KIND_TRUE
    scorer = Aspects(model, (3.0, 1.0), (0.5, -2.0), (2.0, 0.25))
    raw = [plain(model, model.template.completion(one).tokens) for one in SAID]
    by_hand = [float((3 * (k - 0.5) / 2 + (t + 2) / 0.25) / 4) for k, t in raw]
    for budget in (1, 64, 8192):
        again = Aspects(model, (3.0, 1.0), (0.5, -2.0), (2.0, 0.25), budget)
        assert again.score(SAID) == pytest.approx(by_hand, abs=1e-4)
    assert scorer.score([]) == []
    with pytest.raises(ModelError, match="gives 2 numbers \\(kind, true\\)"):
        Learned(model).score(SAID)


def test_t13_a_models_only_head_has_no_name(alone: RewardModel, tmp_path: Path) -> None:
    assert alone.heads == ("overall",)
    assert alone.network.config.num_labels == 1
    assert heads(families.folder(tmp_path / "llama", "llama")) == ("overall",)


def test_t25_combined_and_ensemble_by_hand() -> None:
    """Members in their own units: 1 and 3 spreads above the usual; the mean less k spreads; weights by their sum."""
    parts = [Part(Told(10.0, 30.0), 8.0, 2.0, 3.0), Part(Told(0.3, 0.1), 0.0, 0.1, 1.0)]
    assert Combined(parts).score(SAID[:2]) == pytest.approx([(3 * 1 + 3) / 4, (3 * 11 + 1) / 4])
    ensemble = Ensemble(parts, 0.5)
    assert ensemble.score(SAID[:2]) == pytest.approx([2 - 0.5 * 1, 6 - 0.5 * 5])
    assert ensemble.spreads(SAID[:2]) == pytest.approx([1.0, 5.0])
    assert ensemble.told == {"disagreement": pytest.approx(3.0)}
    assert Ensemble(parts, 9.0).score([]) == []


def test_t30_process_scores_by_hand_in_any_batch(stepwise: RewardModel) -> None:
    """Each step is read from the row cut after it; the last one with the end token, if it ended."""
    template, chances = stepwise.template, []
    for one in SAID:
        upto, found = "", []
        steps = pieces(one.text, "line")
        for number, step in enumerate(steps, start=1):
            upto += step
            tail = [template.stops.end] if number == len(steps) and one.finish == "stop" else []
            tokens = template.prompt(one.prompt) + template.encode(upto) + tail
            found.append(float(plain(stepwise, tokens).softmax(-1)[CORRECT]))
        chances.append(found)
    readings = {
        "product": lambda p: float(torch.tensor(p).prod()),
        "weakest": min,
        "last": lambda p: p[-1],
        "log": lambda p: float(torch.tensor(p).log().sum()),
    }
    for budget in (1, 64, 8192):
        scorer = Process(stepwise, micro_tokens=budget)
        for found, wanted in zip(scorer.chances(SAID), chances, strict=True):
            assert found == pytest.approx(wanted, abs=1e-4)
        for name, reading in readings.items():
            scores = Process(stepwise, name, micro_tokens=budget).score(SAID)
            assert scores == pytest.approx([reading(p) for p in chances], abs=1e-4)
    asked = [("one two. ", "Three four five.\nSix")]
    assert len(Process(stepwise).chances(SAID[:1], asked)[0]) == 2


@pytest.mark.parametrize("reading", ["product", "log", "count", "weakest", "last"])
def test_t24_process_rewards_sum_to_the_score(reading: str, stepwise: RewardModel) -> None:
    scorer = Process(stepwise, reading)
    for one, trace, score in zip(SAID, scorer.trace(SAID), scorer.score(SAID), strict=True):
        assert [end for end, _ in trace][-1] == len(one.text)
        assert len(trace) == len(pieces(one.text, "line"))
        assert sum(added for _, added in trace) == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("cut", ["fixed", "sentence", "line", "change"])
def test_t24_segment_rewards_sum_to_the_score_and_land_on_segment_ends(cut: Any, alone: RewardModel) -> None:
    scorer = Segments(Learned(alone, 64), cut, size=3, threshold=0.6)
    traces = scorer.trace(SAID)
    for one, trace, score in zip(SAID, traces, Learned(alone).score(SAID), strict=True):
        ends = [end for end, _ in trace]
        assert sum(added for _, added in trace) == pytest.approx(score, abs=1e-4)
        assert ends == sorted(ends) and ends[-1] == len(one.text)
    assert scorer.score(SAID) == pytest.approx(Learned(alone).score(SAID), abs=1e-4)
    if cut == "sentence":
        assert [end for end, _ in traces[0]] == [9, 26, 29]
        first = plain(alone, alone.template.prompt(SAID[0].prompt) + alone.template.encode(TEXTS[0][:9]))
        assert traces[0][0][1] == pytest.approx(float(first), abs=1e-4)


def test_a_step_without_a_number_is_an_error(stepwise: RewardModel) -> None:
    before = stepwise.network.score.weight.data.clone()
    stepwise.network.score.weight.data.fill_(float("nan"))
    with pytest.raises(Diverged, match="as nan"):
        Process(stepwise).score(SAID[:1])
    stepwise.network.score.weight.data.copy_(before)
