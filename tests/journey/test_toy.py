"""On a toy whose best policy is known exactly (toy.py), training must find it, by every method; and so the critic."""

import math
from typing import Any

import pytest
import torch
from tests.journey.toy import (
    BETA,
    END,
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
from concord.algorithms.experience import as_said
from concord.algorithms.policy_loss import DRIFTS
from concord.maths.statistics import best_of_n_kl
from concord.records import Completion, Ranking
from concord.settings import DPO, GRPO, PPO, RLOO, Expectation, Reinforce, ReMax, Rollouts

CHEAP: dict[str, Any] = {"kl": BETA, "kl_limit": 50, "rate": 6e-3}


def plan(rounds: int, prompts: int, passes: int = 1) -> Rollouts:
    """256 answers a round, in so many groups."""
    return Rollouts(
        rounds=rounds, prompts=prompts, samples=256 // prompts, longest=2, passes=passes, updates=1
    )


def ppo(**critic: Any) -> PPO:
    return PPO(
        critic_rate=1e-2,
        critic_rounds=5,
        critic=Expectation(value_clip=10, **critic),
        rollout=plan(75, 1, passes=2),
        **CHEAP,
    )


FINDERS: dict[str, Any] = {
    "ppo": ppo(),
    "ppo-shared": ppo(begins="shared", weight=0.5),
    "ppo-shaped": ppo(shaping=1.0),
    "grpo-8": GRPO(rollout=plan(120, 32), **CHEAP),
    "rloo-8": RLOO(rollout=plan(100, 32), **CHEAP),
    "reinforce-pp": Reinforce(rollout=plan(150, 1), **CHEAP),
    "remax": ReMax(rollout=plan(130, 1), **CHEAP),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if name not in ("ppo", "grpo-8") else name
        for name in FINDERS
    ],
)
def test_t21_finds_the_best_policy(name: str) -> None:
    """T21, T22, T23: with drift paid out of the score every method comes to pi* of the same beta.

    At pi* every answer's score less its price is beta log Z, the same for all: nobody stands above anybody,
    whatever the baseline, and whether or not credit is divided by a spread. Shaping pays for a rise in the opinion
    of a random network, as much as an answer's reward: on the whole way it comes to the same for all answers.
    """
    parts, settings = bench(), FINDERS[name]
    q, r = chances(parts.reference), rewards()
    goal = best(q, r, BETA)
    most = BETA * math.log(float((q * (r / BETA).exp()).sum()))
    assert worth(goal, q, r, BETA) == pytest.approx(most, rel=1e-9)
    assert distance(q, goal) > 0.6 and worth(q, q, r, BETA) < 0.6 * most  # there is much to learn
    course = ALGORITHMS[settings.method](settings, parts)
    assert learn(course) == course.steps == settings.rollout.rounds * settings.rollout.passes
    found = chances(parts.policy)
    assert distance(found, goal) < 0.03
    assert worth(found, q, r, BETA) > 0.98 * most
    assert torch.equal(chances(parts.reference), q)


def test_t21_the_best_policy_lies_between_the_reference_and_greed() -> None:
    """T21: where drift is dear nothing beats the reference, and where it is free the best answer alone is said."""
    q, r = chances(bench().reference), rewards()
    assert distance(best(q, r, 1e4), q) < 1e-4
    assert float(best(q, r, 1e-3)[r.argmax()]) == pytest.approx(1, abs=1e-9)


@pytest.mark.slow
def test_t21_training_keeps_to_those_limits() -> None:
    """T21: at 30 a nat a policy stays where it was; for nothing it comes to say one of the best two answers of 57.

    Not always the best: an answer that was hardly ever said is not found once another is said always.
    """
    dear, free = bench(), bench()
    q, r = chances(dear.reference), rewards()
    learn(ALGORITHMS["reinforce-pp"](Reinforce(**{**CHEAP, "kl": 30.0}, rollout=plan(40, 1)), dear))
    assert distance(chances(dear.policy), q) < 0.05
    learn(ALGORITHMS["rloo"](RLOO(kl=0.0, kl_limit=50, rate=1e-2, rollout=plan(60, 32)), free))
    found = chances(free.policy)
    assert float(found.max()) > 0.95
    assert float((found * r).sum()) > 0.98 * float(r.sort().values[-2])


def tilted(q: Tensor, scores: Tensor, beta: float) -> Tensor:
    """The p that is best for E_p[score] - beta KL(q || p): beta q / (lam - score), lam such that it sums to 1."""
    low, high = float(scores.max()), float(scores.max()) + beta + float(scores.max() - scores.min())
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if float((beta * q / (middle - scores)).sum()) > 1 else (low, middle)
    return beta * q / (high - scores)


def best_under_k3(q: Tensor, r: Tensor, beta: float, size: int = 8) -> Tensor:
    """Where a policy rests whose credit is the reward alone and whose price of drift is k3 in the loss.

    At a token with distribution p after what was said so far, E_p[grad k3] = E_p[(1 - q/p) grad log p] =
    -sum_a q_a grad log p_a = grad KL(q || p): the drift *from the reference's side*. With credit A for the whole
    answer the gradient vanishes where p_a (Q_a - V) + beta (q_a - p_a) = 0, so p_a = beta q_a / (lam - Q_a) with
    lam = beta + V. Q_a is the mean reward after a, without the drift of later tokens. The mean over tokens
    divides credit and price alike, so the price of drift is beta itself.
    """
    first, onwards, second = torch.empty(size).double(), torch.empty(size).double(), []
    first[END], onwards[END] = q[0], r[0]
    for word in range(1, size):
        part = slice(1 + size * (word - 1), 1 + size * word)
        first[word] = q[part].sum()
        second.append(tilted(q[part] / first[word], r[part], beta))
        onwards[word] = (second[-1] * r[part]).sum()
    outer = tilted(first, onwards, beta)
    return torch.cat([outer[:1], *[outer[word] * second[word - 1] for word in range(1, size)]])


def best_under_k2(q: Tensor, r: Tensor, beta: float, size: int = 8) -> Tensor:
    """Where a policy rests whose price of drift is k2 in the loss: a token does not see the drift of later ones.

    E_p[grad k2] is the gradient of KL(p || q) at that token, so p_a ~ q_a exp(Q_a / beta), with Q_a the mean reward
    after a alone; in pi* it would be that reward less the price of what is still to drift.
    """
    first, onwards, second = torch.empty(size).double(), torch.empty(size).double(), []
    first[END], onwards[END] = q[0], r[0]
    for word in range(1, size):
        part = slice(1 + size * (word - 1), 1 + size * word)
        first[word] = q[part].sum()
        second.append(best(q[part] / first[word], r[part], beta))
        onwards[word] = (second[-1] * r[part]).sum()
    outer = best(first, onwards, beta)
    return torch.cat([outer[:1], *[outer[word] * second[word - 1] for word in range(1, size)]])


def words_of(p: Tensor, size: int = 8) -> tuple[Tensor, Tensor]:
    """The chances of the first token, and those of the second after each first one that does not end the answer."""
    after = p[1:].reshape(size - 1, size)
    first = torch.cat([p[:1], after.sum(-1)])
    return first, after / first[1:, None]


def pull(p: Tensor, q: Tensor, r: Tensor, beta: float, form: str) -> float:
    """The longest exact gradient by a logit of the table, of E_p[credit log p - in the loss: beta drift], at p.

    What is sampled, and its credit, are constants to the gradient, as they are in training.
    """
    first, second = (x.log().requires_grad_() for x in words_of(p))
    now = [x.log_softmax(-1) for x in (first, second)]
    then = [x.log() for x in words_of(q)]
    log_p, log_q = (torch.cat([x[:1], (x[1:, None] + y).flatten()]) for x, y in (now, then))
    if form == "score":
        goal = (p * (r - beta * (log_p - log_q)).detach() * log_p).sum()
    else:
        opened = words_of(p)[0]
        tokens = [DRIFTS[form](x, x.detach(), y) for x, y in zip(now, then, strict=True)]
        drift = (opened * tokens[0]).sum() + (opened[1:, None] * words_of(p)[1] * tokens[1]).sum()
        goal = (p * r * log_p).sum() - beta * drift
    return max(float(x.abs().max()) for x in torch.autograd.grad(goal, (first, second)))


def test_t21_drift_in_the_loss_has_other_optima() -> None:
    """Why the price is in the score: elsewhere a policy rests apart from pi*, and pi* does not hold it.

    All agree to first order in r / beta: where drift is dear, little is learned and the places are near.
    """
    q, r = chances(bench().reference), rewards()
    goal, k3_rests, k2_rests = best(q, r, BETA), best_under_k3(q, r, BETA), best_under_k2(q, r, BETA)
    rests = {"score": goal, "k3": k3_rests, "k2": k2_rests, "k3-weighted": k2_rests}
    for form, place in rests.items():
        assert float(place.sum()) == pytest.approx(1)
        assert pull(place, q, r, BETA, form) < 1e-9
        assert pull(k3_rests if form == "score" else goal, q, r, BETA, form) > 0.01
    most = worth(goal, q, r, BETA)
    assert distance(k3_rests, goal) == pytest.approx(0.36, abs=0.01)
    assert worth(k3_rests, q, r, BETA) < 0.92 * most
    assert distance(k2_rests, goal) == pytest.approx(0.13, abs=0.01)
    assert 0.97 * most < worth(k2_rests, q, r, BETA) < 0.99 * most
    for place in (best_under_k3, best_under_k2):
        assert distance(place(q, r, 3.0), best(q, r, 3.0)) < 0.03


@pytest.mark.slow
def test_t27_dpo_finds_the_same_best_policy() -> None:
    """T27: from comparisons alone, as often won as the rewards say, DPO comes to pi* of the same beta.

    A vocabulary of four: 13 answers, all 78 pairs, 20 comparisons of each, won in proportion to sigmoid(r_i - r_j)
    (rounded, which is what is left of the distance).
    """
    size, copies = 4, 20
    parts = bench(size)
    every, q, r = answers(size), chances(parts.reference), rewards(size)
    goal = best(q, r, BETA)
    assert distance(q, goal) > 0.5
    said = [
        Completion(PROMPT, " ".join(WORDS[t] for t in tokens if t), finish="length" if tokens[-1] else "stop")
        for tokens in every
    ]
    assert [tuple(parts.policy.template.said(one)) for one in said] == every
    rankings = []
    for i in range(len(every)):
        for j in range(i):
            wins = round(float(torch.sigmoid(r[i] - r[j])) * copies)
            for number in range(copies):
                tiers = ((0,), (1,)) if number < wins else ((1,), (0,))
                rankings.append(Ranking(PROMPT, (said[i], said[j]), tiers))
    parts.rankings = rankings
    learn(ALGORITHMS["dpo"](DPO(beta=BETA, epochs=40, rate=5e-3, batch=390), parts))
    found = chances(parts.policy)
    assert distance(found, goal) < 0.03
    assert worth(found, q, r, BETA) > 0.98 * worth(goal, q, r, BETA)
    implicit = BETA * (found / q).log()
    assert float(torch.corrcoef(torch.stack([implicit, r]))[0, 1]) > 0.99  # 4.80: it ranks like r


@pytest.mark.slow
def test_t11_the_critic_comes_to_true_returns() -> None:
    """T11: while the policy stands still, the value before each token becomes the mean reward of what may follow."""
    parts = bench()
    q, r = chances(parts.policy), rewards()
    loose = Expectation(value_clip=10)
    settings = PPO(kl=0.1, critic_rounds=45, critic_rate=1e-2, critic=loose, rollout=plan(45, 1, passes=2))
    learn(ALGORITHMS["ppo"](settings, parts))
    assert torch.equal(chances(parts.policy), q)  # it learned alone
    rows = as_said([Completion(PROMPT, "", tokens=tokens) for tokens in answers(8)], parts.policy)
    with torch.no_grad():
        values = parts.critic.values(rows).double()
    assert float(values[0, 0]) == pytest.approx(float((q * r).sum()), abs=0.05)
    for word in range(1, 8):
        part = slice(1 + 8 * (word - 1), 1 + 8 * word)
        expected = float((q[part] * r[part]).sum() / q[part].sum())
        assert float(values[part.start, 1]) == pytest.approx(expected, abs=0.15)


def test_t31_best_of_n_stays_within_its_bound() -> None:
    """T31: KL(best of n || q) <= log n - (n - 1) / n, worked out exactly over all answers; reward rises with n."""
    q, r = chances(bench().reference), rewards()
    order = r.argsort()
    upto = q[order].cumsum(0)
    below = torch.cat([torch.zeros(1).double(), upto[:-1]])
    rewards_seen = []
    for n in (1, 2, 4, 16):
        p = torch.empty_like(q)
        p[order] = upto**n - below**n
        assert float((p * (p / q).log()).sum()) <= best_of_n_kl(n) + 1e-9
        rewards_seen.append(float((p * r).sum()))
    assert rewards_seen == sorted(rewards_seen)
