"""On the toy whose best policy is known exactly (toy.py): listwise and online DPO find it; best-of-n, rejection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from tests.journey import toy
from tests.journey.toy import (
    BETA,
    PROMPT,
    WORDS,
    answers,
    bench,
    best,
    chances,
    distance,
    learn,
    rewards,
    worth,
)
from torch import Tensor

from concord.algorithms import ALGORITHMS
from concord.maths.statistics import best_of_n_kl
from concord.models import Policy
from concord.records import Completion, Ranking, seed_of
from concord.roles import Sampler
from concord.sampling import BestOf, Local
from concord.settings import DPO, Distill, Divergence, OnlineDPO, Plain, Rejection, Rollouts


@dataclass
class Taught(toy.Bench):  # type: ignore[misc]
    """The toy's bench with a teacher on it."""

    teacher: Policy | None = None

    def other(self, folder: str) -> Policy:
        assert folder == "teacher" and self.teacher is not None
        self.teacher.network.requires_grad_(False)
        return self.teacher

    def speaker(
        self, policy: Policy, name: str, occasion: str, temperature: float, longest: int, best_of: int = 1
    ) -> Sampler:
        return Local(policy, name, seed_of(self.seed, occasion), temperature, longest)


def known(parts: Any, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The reference, the rewards, and the best policy, which is far from the reference."""
    q, r = chances(parts.reference), rewards(size)
    assert distance(q, best(q, r, BETA)) > 0.5
    return q, r, best(q, r, BETA)


def texts(size: int) -> list[Completion]:
    return [
        Completion(PROMPT, " ".join(WORDS[t] for t in tokens if t), finish="length" if tokens[-1] else "stop")
        for tokens in answers(size)
    ]


def rounds(count: int, prompts: int, samples: int) -> Rollouts:
    return Rollouts(rounds=count, prompts=prompts, samples=samples, longest=2, passes=1, updates=1)


def agreement(found: Tensor, q: Tensor, r: Tensor) -> float:
    """How often the implicit reward (4.80) orders two different answers of the policy as the reward does."""
    implicit = BETA * (found / q).log()
    right = (implicit[:, None] > implicit) == (r[:, None] > r)
    pairs = found[:, None] * found * (1 - torch.eye(len(r)))
    return float((right * pairs).sum() / pairs.sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "samples", "count", "rate", "settings"),
    [
        (8, 128, 150, 5e-3, {}),
        (4, 64, 300, 3e-3, {"labels": "drawn", "loss": Plain(method="plackett-luce")}),
    ],
    ids=["odds", "drawn"],
)
def test_t27_online_dpo_finds_the_best_policy(
    size: int, samples: int, count: int, rate: float, settings: dict[str, Any]
) -> None:
    """With the judge's odds, or rankings drawn from them read whole, the fixed point is pi* of the same beta."""
    parts = bench(size)
    q, r, goal = known(parts, size)
    plan = rounds(count, 1, samples)
    learn(
        ALGORITHMS["online-dpo"](
            OnlineDPO(beta=BETA, kl_limit=50, rate=rate, rollout=plan, **settings), parts
        )
    )
    found = chances(parts.policy)
    assert distance(found, goal) < 0.03
    assert worth(found, q, r, BETA) > 0.98 * worth(goal, q, r, BETA)
    assert agreement(found, q, r) > 0.97
    assert torch.equal(chances(parts.reference), q)


@pytest.mark.slow
def test_t27_listwise_dpo_finds_the_best_policy() -> None:
    """From choices of the best of 13, as often as the rewards say, the rest tied: one Plackett-Luce choice each."""
    size, copies = 4, 200
    parts, every = bench(size), texts(size)
    q, r, goal = known(parts, size)
    share = r.softmax(-1)
    parts.rankings = [
        Ranking(PROMPT, tuple(every), ((first,), tuple(x for x in range(len(every)) if x != first)))
        for first in range(len(every))
        for _ in range(round(float(share[first]) * copies))
    ]
    settings = DPO(beta=BETA, loss=Plain(method="plackett-luce"), epochs=30, rate=7e-3, batch=50)
    learn(ALGORITHMS["dpo"](settings, parts))
    found = chances(parts.policy)
    assert distance(found, goal) < 0.03
    assert worth(found, q, r, BETA) > 0.98 * worth(goal, q, r, BETA)
    assert agreement(found, q, r) > 0.97


def offline(labels: int, seed: int) -> float:
    """What DPO makes of labels on pairs that the reference drew, one reading."""
    parts, every = bench(8, seed=seed), texts(8)
    q, r, goal = known(parts, 8)
    chance = torch.Generator().manual_seed(seed)
    pairs = torch.multinomial(q, 2 * labels, replacement=True, generator=chance).view(-1, 2)
    wins = torch.rand(labels, generator=chance) < (r[pairs[:, 0]] - r[pairs[:, 1]]).sigmoid()
    parts.rankings = [
        Ranking(PROMPT, (every[one], every[two]), ((0,), (1,)) if won else ((1,), (0,)))
        for (one, two), won in zip(pairs.tolist(), wins.tolist(), strict=True)
    ]
    learn(ALGORITHMS["dpo"](DPO(beta=BETA, rate=3e-3, batch=32), parts))
    return float(worth(chances(parts.policy), q, r, BETA) / worth(goal, q, r, BETA))


def online(labels: int, seed: int, asked: str) -> float:
    """What online DPO makes of as many labels, on pairs that the policy drew."""
    parts = bench(8, seed=seed)
    q, r, goal = known(parts, 8)
    plan = rounds(labels // 32, 32, 2)
    settings = OnlineDPO(beta=BETA, kl_limit=50, rate=3e-3, rollout=plan, labels=asked)
    learn(ALGORITHMS["online-dpo"](settings, parts))
    return float(worth(chances(parts.policy), q, r, BETA) / worth(goal, q, r, BETA))


@pytest.mark.slow
@pytest.mark.long
def test_t28_online_against_offline_at_equal_labels() -> None:
    """1,920 labels, one reading, three seeds: share of beta log Z. Online is ahead, and with odds further."""
    seeds, labels = (0, 1, 2), 1920
    found = {
        "offline": [offline(labels, seed) for seed in seeds],
        "drawn": [online(labels, seed, "drawn") for seed in seeds],
        "odds": [online(labels, seed, "odds") for seed in seeds],
    }
    means = {name: sum(values) / len(values) for name, values in found.items()}
    print(means)
    assert means["offline"] + 0.005 < means["drawn"] < means["odds"]


@pytest.mark.slow
def test_t31_best_of_n_in_its_bounds() -> None:
    """Of the real sampler: the mean reward is what theory says and rises with n; KL stays below log n - (n - 1) / n."""
    parts = bench()
    q, r = chances(parts.reference), rewards()
    order = r.argsort()
    upto = q[order].cumsum(0)
    seen: list[float] = []
    place = {answer: number for number, answer in enumerate(answers(8))}
    for n in (1, 2, 4, 8):
        exact = torch.empty_like(q)
        exact[order] = upto**n - torch.cat([torch.zeros(1).double(), upto[:-1]]) ** n
        sampler = BestOf(parts.sampler(f"best of {n}", 1.0, 2), parts.scorer, n)
        said = sampler.sample([PROMPT], 2000)
        values = torch.tensor(parts.scorer.score(said)).double()
        wrong = float(values.std()) / len(values) ** 0.5
        assert float(values.mean()) == pytest.approx(float((exact * r).sum()), abs=3.5 * wrong)
        counts = torch.zeros(len(q)).double()
        for one in said:
            counts[place[one.tokens or ()]] += 1
        assert distance(counts / counts.sum(), exact) < 0.08
        assert float(torch.where(exact > 0, exact * (exact / q).log(), 0.0).sum()) <= best_of_n_kl(n) + 1e-9
        seen.append(float(values.mean()))
    assert seen == sorted(seen)


@pytest.mark.slow
def test_t32_each_round_of_rejection_lifts_the_reward() -> None:
    """Imitating the best of four, three times over: the exact mean reward rises from round to round."""

    def lifted(count: int) -> float:
        parts = bench(prompts=[PROMPT] * 256)
        settings = Rejection(samples=4, longest=2, rounds=count, epochs=4, batch=64, rate=3e-3)
        learn(ALGORITHMS["rejection"](settings, parts))
        return float((chances(parts.policy) * rewards()).sum())

    start = float((chances(bench().policy) * rewards()).sum())
    found: Sequence[float] = [start, lifted(1), lifted(3)]
    assert found[1] > found[0] + 0.3 and found[2] > found[1] + 0.3


@pytest.mark.slow
@pytest.mark.parametrize("divergence", ["forward-kl", "reverse-kl"])
@pytest.mark.parametrize("read", [pytest.param("teacher", marks=pytest.mark.long), "own"])
def test_t8_a_student_comes_to_say_what_its_teacher_says(divergence: str, read: str) -> None:
    """Whoever's answers are read, and whichever divergence is paid for, the student ends at its teacher."""
    teacher = toy.policy(8)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in teacher.network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    parts = Taught(**vars(bench(prompts=[PROMPT] * 64)), teacher=teacher)
    settings = Distill(
        teacher="teacher",
        answers=read,
        divergence=Divergence(method=divergence),
        rounds=60,
        epochs=2,
        longest=2,
        batch=32,
        rate=5e-3,
    )
    goal = chances(teacher)
    assert distance(chances(parts.policy), goal) > 0.2
    learn(ALGORITHMS["distill"](settings, parts))
    assert distance(chances(parts.policy), goal) < 0.03
