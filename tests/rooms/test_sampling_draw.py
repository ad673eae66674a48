"""Drawing: exact filters, exact distributions, and numbers that belong to a seed and a step alone."""

import math
from collections.abc import Sequence

import pytest
import torch
from scipy import special, stats

from concord.errors import Diverged
from concord.records import Completion, Message, Prompt, seed_of
from concord.sampling import BestOf
from concord.sampling.draw import Manner, draw, drawn, filtered, uniform

MASK = 2**64 - 1


def splitmix(seed: int, step: int) -> float:
    """The finaliser of SplitMix64 in Python's unbounded integers (Steele, Lea and Flood 2014)."""
    z = (seed + 0x9E3779B97F4A7C15 * (step + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / 2**53


def seeds(count: int) -> torch.Tensor:
    return torch.tensor([seed_of("draws", number) for number in range(count)])


def test_uniform_is_splitmix64() -> None:
    """The published generator, bit for bit; its first numbers for seed 1234567 are known."""
    assert math.floor(splitmix(1234567, 0) * 2**53) == 6457827717110365317 >> 11
    for seed in (0, 1, 1234567, 2**63 - 1, seed_of("a")):
        for step in (0, 1, 2, 63, 10_000):
            assert float(uniform(torch.tensor([seed]), step)[0]) == splitmix(seed, step)


def test_uniform_is_uniform_and_independent() -> None:
    """Mean 1/2, variance 1/12, no drift from step to step or seed to seed (4 standard errors of 20 000)."""
    numbers = torch.stack([uniform(seeds(20_000), step) for step in range(3)])
    assert bool(((numbers >= 0) & (numbers < 1)).all())
    for row in numbers:
        assert abs(float(row.mean()) - 0.5) < 4 * math.sqrt(1 / 12 / 20_000)
        assert abs(float(row.var()) - 1 / 12) < 4 * math.sqrt(1 / 180 / 20_000)
        assert stats.kstest(row.numpy(), "uniform").pvalue > 1e-3
    for one, other in ((numbers[0], numbers[1]), (numbers[1], numbers[2]), (numbers[0, :-1], numbers[0, 1:])):
        assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 4 / math.sqrt(20_000)
    close = torch.arange(20_000)  # seeds one beside the other are as good
    assert stats.kstest(uniform(close, 0).numpy(), "uniform").pvalue > 1e-3
    assert torch.equal(uniform(seeds(5), 3), uniform(seeds(9), 3)[:5])


def test_draw_follows_the_probabilities() -> None:
    """Chi-square of 20 000 draws; what is forbidden is never drawn; p > 0.001 with these seeds."""
    chances = torch.tensor([0.0, 0.4, 0.05, 0.25, 0.0, 0.3, 0.0])
    found = draw(chances.expand(20_000, -1), uniform(seeds(20_000), 0))
    counts = torch.bincount(found, minlength=7)
    assert counts[[0, 4, 6]].tolist() == [0, 0, 0]
    kept = [1, 2, 3, 5]
    assert (
        stats.chisquare(
            counts[kept].numpy(), (chances[kept].double() / chances.double().sum() * 20_000).numpy()
        ).pvalue
        > 1e-3
    )


def test_draw_at_the_edges() -> None:
    """0 takes the first that is allowed, the last number below 1 the last that is."""
    chances = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]])
    picked = [
        int(draw(chances, torch.tensor([u], dtype=torch.float64))) for u in (0.0, 0.2499, 0.25, 1 - 2**-53)
    ]
    assert picked == [1, 1, 3, 3]


def test_draw_is_the_inverse_of_the_running_sum() -> None:
    """Over several blocks, some without any chance: numpy's running sum and bisection say the same."""
    generator = torch.Generator().manual_seed(0)
    chances = torch.rand(400, 200, generator=generator) * (torch.rand(400, 200, generator=generator) < 0.1)
    chances[:, 64:128] = 0
    numbers = torch.rand(400, dtype=torch.float64, generator=generator)
    numbers[:2] = torch.tensor([0.0, 1 - 2**-53])
    found = draw(chances, numbers)
    for row, number, token in zip(chances.double().numpy(), numbers.tolist(), found.tolist(), strict=True):
        ends = row.cumsum()
        assert token == min(ends.searchsorted(number * ends[-1], side="right"), row.nonzero()[0][-1])
        assert row[token] > 0


def test_filters_by_hand() -> None:
    """Kept: the k likeliest; the fewest that hold p; renormalised; temperature first."""
    chances = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    logits = chances.log() + 5.0  # a constant says nothing
    cases = [
        ({}, [0.1, 0.4, 0.2, 0.3]),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 9}, [0.1, 0.4, 0.2, 0.3]),
        ({"top_p": 0.7}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.71}, [0, 4 / 9, 2 / 9, 3 / 9]),
        ({"top_p": 0.05}, [0, 1, 0, 0]),
        ({"top_k": 3, "top_p": 0.5}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 1}, [0, 1, 0, 0]),
    ]
    for filters, expected in cases:
        found = filtered(logits.double(), 1.0, **filters).exp()
        torch.testing.assert_close(found, torch.tensor([expected]).float(), atol=1e-6, rtol=0)
    squares = torch.tensor([[0.01, 0.16, 0.04, 0.09]]) / 0.3  # T = 1/2 squares the chances
    torch.testing.assert_close(filtered(logits, 0.5).exp(), squares, atol=1e-6, rtol=0)


class Echo:
    """Says n1, n2, n3 ... to prompt n."""

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        return [Completion(p, f"{p.messages[0].content}{number}") for p in prompts for number in range(k)]


class Table:
    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [self.scores.get(completion.text, 0.0) for completion in completions]


@pytest.mark.parametrize("rows_at_once", [1, 3, 7, 100])
def test_what_is_drawn_does_not_hang_on_the_portions(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, log-probabilities and entropies of seven rows, beside scipy's of each row alone."""
    logits = torch.randn(7, 130, generator=torch.Generator().manual_seed(0)) * 3
    logits[2, :60] = float("-inf")
    monkeypatch.setattr("concord.sampling.draw.PORTION", rows_at_once * 130)
    said = torch.tensor([0, 5, 2, 9, 1, 1, 40])
    tokens, logprobs, undecided = drawn(logits, Manner(temperature=0.7), seeds(7), said)
    for row, step in enumerate(said.tolist()):
        expected = special.log_softmax(logits[row].double().numpy() / 0.7)
        alone = draw(torch.tensor(expected).exp()[None], uniform(seeds(7)[row : row + 1], step))
        assert int(tokens[row]) == int(alone)
        assert float(logprobs[row]) == pytest.approx(expected[int(alone)], rel=1e-5, abs=1e-6)
        assert float(undecided[row]) == pytest.approx(stats.entropy(special.softmax(expected)), rel=1e-5)


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_number_that_is_none_is_never_drawn_from(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands, in whichever portion; a token that is impossible is none such."""
    monkeypatch.setattr("concord.sampling.draw.PORTION", 2 * 9)
    logits = torch.zeros(5, 9)
    logits[:, 0] = float("-inf")
    assert bool((drawn(logits, Manner(), seeds(5), torch.zeros(5, dtype=torch.int64))[0] > 0).all())
    for manner in (Manner(), Manner(top_k=3), Manner(top_p=0.5)):
        logits[3, 8] = float(bad)
        with pytest.raises(Diverged, match="no numbers"):
            drawn(logits, manner, seeds(5), torch.zeros(5, dtype=torch.int64))


def test_best_of_keeps_the_best_and_of_equals_the_first() -> None:
    """T31: argmax, not max; each of k answers is the best of its own n."""
    prompts = [Prompt((Message("user", name),), name) for name in "ab"]
    best = BestOf(Echo(), Table({"a1": 2.0, "a5": 3.0, "a4": 1.0, "b2": -1.0, "b0": -1.0, "b1": -1.0}), 3)
    assert [completion.text for completion in best.sample(prompts, 2)] == ["a1", "a5", "b0", "b3"]
    assert [completion.text for completion in best.sample(prompts[:1], 1)] == ["a1"]


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16])
def test_more_samples_are_never_worse(n: int) -> None:
    """T31: the score of the best does not fall with n."""
    table = Table({f"a{number}": uniform(torch.tensor([number]), 0).item() for number in range(16)})
    prompt = Prompt((Message("user", "a"),), "a")
    (best,) = BestOf(Echo(), table, n).sample([prompt], 1)
    assert table.score([best])[0] == max(table.scores[f"a{number}"] for number in range(n))
