"""Learning from what the policy says: credit token by token, by hand, and the first step of each method."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.rooms import families
from tests.rooms.methods import (
    PROMPTS,
    ROLLOUT,
    Lengths,
    bench,
    gradients,
    made,
    rollout,
)
from torch import Tensor

from concord.algorithms import ALGORITHMS, group, ppo, reinforce
from concord.algorithms.experience import facts, spoken, wording
from concord.algorithms.policy_loss import PolicyLoss
from concord.algorithms.policy_loss import told as minimised
from concord.algorithms.price import Price
from concord.records import Completion, seed_of
from concord.sampling import Local
from concord.settings import GRPO, PPO, GroupLoss, Rejection, Rollouts


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 computes in float64 throughout if asked to; Llamas round to float32 in their norms."""
    return families.folder(tmp_path_factory.mktemp("learning") / "gpt2", "gpt2")


def test_t19_ppo_begins_as_the_policy_gradient(path: Path) -> None:
    """T19: where the policy that learns is the one that spoke, the gradient is that of -mean(A log p), cosine 1."""
    course = made("ppo", path, 8192)
    ((batch,),) = list(course.feed)
    (seen,), (notes,) = gradients(made("ppo", path, 8192))
    policy, mask = course.objective.policy, batch.sequences.scored
    loss = -(policy.logprobs(batch.sequences) * batch.advantages)[mask].sum() / mask.sum()
    policy.network.zero_grad()
    loss.backward()
    for name, parameter in policy.network.named_parameters():
        torch.testing.assert_close(seen[f"policy.{name}"], parameter.grad, atol=1e-6, rtol=1e-5)
    assert notes["clipped"] == 0.0
    shown = batch.advantages[mask]
    assert float(shown.mean()) == pytest.approx(0, abs=1e-6)
    assert float(shown.square().mean()) == pytest.approx(1, abs=1e-5)


class Silent:
    """A critic that expects nothing."""

    def values(self, sequences: Any) -> Tensor:
        return torch.zeros(sequences.scored.shape)


@pytest.mark.parametrize("groups", [[0, 1], [0, 0]])
def test_t22_the_score_lands_on_the_last_token_and_drift_on_each(groups: list[int]) -> None:
    """Pain 4, T21, T22: by index, with a critic that expects nothing and lambda 0; also with lambda 1."""
    told = rollout([2.0, -1.0], [3, 1], groups, drift=0.5)
    price = Price(PPO(kl=0.2), 0.2)
    short = ppo.Crediting(Silent(), price, PPO(decay=0.0), 8192)(told)  # type: ignore[arg-type]
    paid = -0.2 * 0.5
    expected = torch.zeros(2, 3)
    expected[0] = torch.tensor([paid, paid, paid + 2.0])
    expected[1, 0] = paid - 1.0
    torch.testing.assert_close(short.returns, expected)
    long = ppo.Crediting(Silent(), price, PPO(decay=1.0), 8192)(told)  # type: ignore[arg-type]
    expected[0] = torch.tensor([2.0 + 3 * paid, 2.0 + 2 * paid, 2.0 + paid])
    torch.testing.assert_close(long.returns, expected)
    # the loss sees the token that earned the score, the last of its row
    assert told.sequences.scored.tolist() == [[True, True, True], [True, False, False]]
    ends = torch.stack([told.sequences.at[0, 2], told.sequences.at[1, 0]])
    assert told.sequences.positions[ends].tolist() == [len(row) - 1 for row in told.sequences.rows] == [7, 5]


def test_reinforce_credits_what_follows_over_the_whole_round() -> None:
    """By hand: drift costs 0.1 a token, the score comes last; whitened over the four tokens (biased variance)."""
    told = rollout([2.0, -1.0], [3, 1], [0, 1], drift=0.5)
    found = reinforce.credit(told, "round", 0.2).advantages
    follows = [2.0 - 0.3, 2.0 - 0.2, 2.0 - 0.1, -1.0 - 0.1]
    mean = sum(follows) / 4
    spread = (sum((one - mean) ** 2 for one in follows) / 4) ** 0.5
    expected = torch.zeros(2, 3)
    expected[0], expected[1, 0] = torch.tensor(follows[:3]) - mean, follows[3] - mean
    torch.testing.assert_close(found, expected / spread, rtol=1e-5, atol=1e-6)


def test_price_follows_its_target() -> None:
    """T21: too much drift makes drift dearer by at most a fifth of samples / 2000; fixed without a target."""
    told = rollout([0.0] * 4, [2, 2, 2, 2], [0, 0, 1, 1], drift=1.5)  # 3 nats a completion
    fixed = Price(PPO(kl=0.1), 0.1)
    assert fixed.heard(told) == {"price": 0.1}
    dear = Price(PPO(kl=0.1, target_kl=1.0), 0.1)
    assert dear.heard(told)["price"] == pytest.approx(0.1 * (1 + 0.2 * 4 / 2000))
    near = Price(PPO(kl=0.1, target_kl=3.3), 0.1)
    assert near.heard(told)["price"] == pytest.approx(0.1 * (1 + (3 / 3.3 - 1) * 4 / 2000))


def test_the_critic_may_learn_alone_at_first(path: Path) -> None:
    """T22: for so many rounds, to the step, the policy has no gradient; then it has."""
    plan = Rollouts(rounds=3, prompts=2, samples=2, passes=2, updates=2, longest=4)
    course = ALGORITHMS["ppo"](PPO(critic_rounds=2, rollout=plan), bench(path))
    seen, notes = gradients(course)
    alone = [not any(name.startswith("policy.") for name in step) for step in seen]
    assert alone == [True] * 8 + [False] * 4
    assert [note["round"] for note in notes] == [0.0] * 4 + [1.0] * 4 + [2.0] * 4
    assert all("policy" in name or "critic" in name for step in seen for name in step)


def test_grpo_and_rloo_differ_by_one_function(path: Path) -> None:
    """Golden values of the contract; every said token has its completion's advantage, others 0; one objective."""
    told = rollout([1.0, 0.0, 0.0, 3.0, 5.0, 5.0], [2, 1, 3, 1, 2, 2], [0, 0, 0, 0, 1, 1])
    for method, expected in (
        (
            "group-std",
            [0.0, -0.7071, -0.7071, 1.4142, 0.0, 0.0],
        ),  # spread by n - 1, as in TRL; no spread, no credit
        ("leave-one-out", [0.0, -1.3333, -1.3333, 2.6667, 0.0, 0.0]),
    ):
        experience = group.credit(told, method, 0.7)  # nothing drifted: no price is paid
        wanted = torch.where(told.sequences.scored, torch.tensor(expected)[:, None], 0.0)
        torch.testing.assert_close(experience.advantages, wanted, atol=2e-4, rtol=0)
        assert bool(experience.values.isnan().all())
    grpo, rloo = (made(method, path, 8192) for method in ("grpo", "rloo"))
    assert type(grpo.objective) is type(rloo.objective) and type(grpo.feed) is type(rloo.feed)
    ((batch,),) = list(grpo.feed)
    ((other,),) = list(rloo.feed)
    assert torch.equal(batch.sequences.tokens, other.sequences.tokens)
    assert not torch.equal(batch.advantages, other.advantages)
    assert torch.equal(grpo.objective(batch).mean, rloo.objective(batch).mean)


def test_drift_is_paid_out_of_the_score() -> None:
    """By hand: each said token drifts by 0.5 nats and a nat costs 2, so every token takes 1 out of the score.

    Scores 4, 3, 2, 4 of answers of 1, 2, 3, 1 tokens leave 3, 1, -1, 3: mean 1.5, squares about it 11 in all.
    """
    told = rollout([4.0, 3.0, 2.0, 4.0, 9.0, 5.0], [1, 2, 3, 1, 6, 2], [0, 0, 0, 0, 1, 1], drift=0.5)
    spread = (11 / 3) ** 0.5
    for method, expected in (
        ("group-std", [1.5 / spread, -0.5 / spread, -2.5 / spread, 1.5 / spread, 0.0, 0.0]),
        (
            "leave-one-out",
            [2.0, -2 / 3, -10 / 3, 2.0, 0.0, 0.0],
        ),  # 3 - (1 - 1 + 3) / 3, and so on; 3 and 3 are alike
    ):
        experience = group.credit(told, method, 2.0)
        wanted = torch.where(told.sequences.scored, torch.tensor(expected)[:, None], 0.0)
        torch.testing.assert_close(experience.advantages, wanted, atol=2e-4, rtol=0)
        free = group.credit(told, method, 0.0).advantages
        torch.testing.assert_close(free[4:].sum(-1).sign(), torch.tensor([1.0, -1.0]))  # 9 is more than 5


def test_group_objective_by_hand(path: Path) -> None:
    """The clipped surrogate alone, a mean over tokens; the reference entered by the score."""
    parts = bench(path, reference=5)
    course = ALGORITHMS["grpo"](GRPO(rollout=ROLLOUT, kl=0.3, clip=0.1), parts)
    plan = "rounds: 1, each 3 prompts x 3 answers = 9 completions; "
    assert plan + "passes over them: 1, 9 in an update; steps in all: 1." in parts.said
    ((batch,),) = list(course.feed)
    mask = batch.sequences.scored
    first = course.objective(batch).notes
    assert set(first) == {"clipped", "moved"} and float(first["moved"]) < 1e-4, (
        "the weights are those that spoke"
    )
    torch.manual_seed(4)
    for parameter in parts.policy.network.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.01)  # as after some steps
    with torch.no_grad():
        ratios = (parts.policy.logprobs(batch.sequences) - batch.logprobs)[mask].exp().tolist()
    credits = batch.advantages[mask].tolist()
    gains = [min(r * a, min(max(r, 0.9), 1.1) * a) for r, a in zip(ratios, credits, strict=True)]
    stopped = [(r > 1.1 and a > 0) or (r < 0.9 and a < 0) for r, a in zip(ratios, credits, strict=True)]
    loss = course.objective(batch)
    assert float(loss.mean.detach()) == pytest.approx(-sum(gains) / len(gains), rel=1e-5)
    assert 0 < sum(stopped) < len(stopped)
    assert float(loss.notes["clipped"]) == pytest.approx(sum(stopped) / len(stopped))
    moved = [abs(math.log(ratio)) for ratio in ratios]
    assert float(loss.notes["moved"]) == pytest.approx(sum(moved) / len(moved), rel=1e-4)
    ((free,),) = list(ALGORITHMS["grpo"](GRPO(rollout=ROLLOUT, kl=0.0), bench(path, reference=5)).feed)
    assert torch.equal(free.sequences.tokens, batch.sequences.tokens)
    assert not torch.equal(free.advantages, batch.advantages)


def test_a_whole_answers_ratio_is_of_its_own_tokens(path: Path) -> None:
    """Before any step the weights are those that spoke: every ratio is 1, and nothing is clipped."""
    settings = GRPO(rollout=ROLLOUT, kl=0.0, clip=0.01, loss=GroupLoss(form="gspo"))
    course = ALGORITHMS["grpo"](settings, bench(path, reference=5))
    ((batch,),) = list(course.feed)
    batch.sequences.scored[:, -2:] = False  # as if all had ended earlier
    assert float(batch.advantages.abs().max()) > 0
    assert float(course.objective(batch).notes["clipped"]) == 0


def test_a_round_is_told_by_hand() -> None:
    """Answers of 1, 2 and 3 tokens, each said with a log-probability of -1 and drifted by half a nat."""
    found = facts(rollout([4.0, 2.0, 3.0], [1, 2, 3], [0, 0, 1], drift=0.5))
    wanted = {"score": 3.0, "score_spread": 1.0, "kl": 1.0, "surprise": 1.0, "length": 2.0}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    pairs = rollout([4.0, 2.0, 3.0, 3.0], [1, 2, 3, 1], [0, 0, 1, 1])
    assert facts(pairs)["group_spread"] == pytest.approx((1.0 + 0.0) / 2)


def test_a_rounds_wording_is_told_by_hand() -> None:
    """Two answers to each of two prompts: 2 of 4 pairs of words differ, and 4 of 4; one answer is cut off."""
    texts = ["a b c", "a b c", "a b c", "d e f"]
    said = [Completion(PROMPTS[0], text, finish="length" if text == "d e f" else "stop") for text in texts]
    found = wording(said, 2)
    assert found == {"truncated": 0.25, "repeated": 0.0, "distinct": pytest.approx((0.5 + 1.0) / 2)}


def test_what_the_clip_has_stopped_is_counted_where_something_was_said() -> None:
    """Answers of 1 and 3 tokens, the first better: its token and the other's first have moved on by one nat.

    With credits of 1 and -1 the first gains 1.2 at most, the others' losses are 0.8 at least, 1 and 1.
    """
    told = rollout([4.0, 2.0], [1, 3], [0, 0])
    batch = group.credit(told, "mean", 0.0)
    now = batch.logprobs + torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    sight = SimpleNamespace(logprobs=lambda temperature: now)
    loss = PolicyLoss(GRPO(), Price(GRPO(), 0.0))
    mean, notes = loss(sight, batch)  # type: ignore[arg-type]
    assert float(mean) == pytest.approx(-(1.2 - 0.8 - 1 - 1) / 4)
    assert float(notes["clipped"]) == 0.5 and float(notes["moved"]) == 0.5


def test_a_bad_answer_that_was_left_behind_teaches_no_more() -> None:
    """Answers of 1 and 3 tokens, the first worse and a nat less likely now; its mean is over its own token."""
    batch = group.credit(rollout([2.0, 4.0], [1, 3], [0, 0]), "mean", 0.0)
    now = batch.logprobs + torch.tensor([[-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    sight = SimpleNamespace(logprobs=lambda temperature: now)
    for limit, stale in ((0.5, 0.25), (1.5, 0.0)):
        settings = GRPO(loss=GroupLoss(stale_limit=limit))
        _, notes = PolicyLoss(settings, Price(settings, 0.0))(sight, batch)  # type: ignore[arg-type]
        assert float(notes["stale"]) == stale


def test_what_is_minimised_is_told() -> None:
    assert "a nat of drift costs 0.05, paid out of the score" in minimised(GRPO())
    assert "paid in the loss by k3" in minimised(GRPO(loss=GroupLoss(drift="k3")))


def test_rejection_keeps_the_best_and_its_very_tokens(path: Path) -> None:
    """T32, pain 14: of each prompt's n answers the one that scores highest, learned as the ids that were sampled."""
    parts = bench(path)
    course = ALGORITHMS["rejection"](Rejection(samples=4, longest=7, epochs=1, batch=5), parts)
    everything = Local(parts.policy, "p", seed_of(parts.seed, "rejection"), 1.0, 7).sample(PROMPTS, 4)
    scores = Lengths().score(everything)
    expected = []
    for place in range(len(PROMPTS)):
        best = max(range(4 * place, 4 * place + 4), key=lambda number: (scores[number], -number))
        expected.append(spoken(everything[best], parts.policy).tokens)
    items = list(course.feed.reading.items)
    assert [row.tokens for row in items] == expected
    assert all(
        sum(row.scored) == len(row) - len(parts.policy.template.prompt(p))
        for row, p in zip(items, PROMPTS, strict=True)
    )
    (notes,) = gradients(course)[1]
    assert notes["loss"] > 0


def test_temperature_is_the_same_in_speaking_and_learning(path: Path) -> None:
    """Pain 13: the likelihood of what was said is that of the temperature it was said at; the first ratio is 1."""
    parts = bench(path, reference=5)
    settings = GRPO(rollout=ROLLOUT.model_copy(update={"temperature": 0.7}))
    ((batch,),) = list(ALGORITHMS["grpo"](settings, parts).feed)
    with torch.no_grad():
        now = parts.policy.logprobs(batch.sequences, 0.7)
    torch.testing.assert_close(batch.logprobs.double(), now, atol=1e-6, rtol=0)
    sampled = sorted(value for one in parts.kept[0] for value in one.logprobs or ())
    assert sorted(batch.logprobs[batch.sequences.scored].tolist()) == pytest.approx(sampled, abs=1e-5)
