"""Who expects, and without whom: critics apart and shared, shaping, REINFORCE++ and ReMax, and broken numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families, methods
from tests.rooms.methods import bench, gradients, rollout
from torch import Tensor

from concord.algorithms import ALGORITHMS, ppo, reinforce, remax
from concord.algorithms.group import credit
from concord.algorithms.price import Price
from concord.batches import Experience, Rendered, pack
from concord.models.critic import SharedCritic
from concord.models.sight import Sight
from concord.models.trunk import Trunk
from concord.settings import GRPO, PPO, Expectation, GroupLoss, Reinforce, ReMax, Rollouts
from concord.training import Guard, Optimizer, fit
from concord.training import Local as OneDevice


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("critics") / "gpt2", "gpt2")


class Steps:
    """Values that say how many tokens were said."""

    def __init__(self, height: float) -> None:
        self.height = height

    def values(self, sequences: Any) -> Tensor:
        return torch.where(sequences.scored, self.height * sequences.scored.cumsum(-1), 0.0)


def test_reinforce_credits_what_follows_by_hand() -> None:
    """Scores 4 and 1, two tokens and one, half a nat a token at price 2: returns 2 3 | 0, mean 5/3, variance 14/9."""
    told = rollout([4.0, 1.0], [2, 1], [0, 1], drift=0.5)
    got = reinforce.credit(told, "round", 2.0).advantages
    side = (14 / 9) ** 0.5
    wanted = torch.tensor([[(2 - 5 / 3) / side, (3 - 5 / 3) / side], [-5 / 3 / side, 0.0]])
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)


def test_reinforce_with_a_baseline_of_the_group() -> None:
    """A shift of one group's scores changes nothing; without the baseline it does."""
    told = [rollout([4.0, 1.0, 3.0 + more, 2.0 + more], [2, 1, 1, 3], [0, 0, 1, 1]) for more in (0.0, 9.0)]
    for kind, same in (("group", True), ("round", False)):
        one, other = (reinforce.credit(each, kind, 0.0).advantages for each in told)
        assert torch.allclose(one, other, atol=1e-5) is same


def test_remax_is_credited_against_the_likeliest_answer(path: Path) -> None:
    """By hand from what was said: worth of each answer less the worth of what greed says, price and all."""
    parts = bench(path, reference=5)
    settings = ReMax(rollout=Rollouts(rounds=1, prompts=3, samples=2, updates=1, longest=5), kl=0.3)
    ((batch,),) = list(ALGORITHMS["remax"](settings, parts).feed)
    greedy = {}
    for prompt in parts.prompts:
        tokens = list(parts.policy.template.prompt(prompt))
        opened = len(tokens)
        for _ in range(5):
            logits = parts.policy.network(input_ids=torch.tensor([tokens])).logits[0, -1]
            tokens.append(int(logits.argmax()))
            if tokens[-1] in parts.policy.template.stops.tokens:
                break
        greedy[tuple(tokens[:opened])] = tokens[opened:]

    def worth(row: Rendered) -> float:
        with torch.no_grad():
            pair = [who.logprobs(pack([row])).sum() for who in (parts.policy, parts.reference)]
        said = [token for token, mark in zip(row.tokens, row.scored, strict=True) if mark]
        return sum(said) % 17 / 4 - 0.3 * float(pair[0] - pair[1])

    for row, advantages, mask in zip(
        batch.sequences.rows, batch.advantages, batch.sequences.scored, strict=True
    ):
        prompt = row.tokens[: row.opening]
        best = greedy[tuple(prompt)]
        base = worth(Rendered(prompt + best, [False] * len(prompt) + [True] * len(best)))
        assert advantages[mask].tolist() == pytest.approx([worth(row) - base] * int(mask.sum()), abs=1e-4)
    assert remax.COLD * 20 < 0.01  # twenty nats at that temperature are two thousandths of one


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("mean", [0.0, -1.0, -1.0, 2.0]),
        ("group-std-biased", [0.0, -0.8165, -0.8165, 1.6330]),
        ("group-std", [0.0, -0.7071, -0.7071, 1.4142]),
    ],
)
def test_credit_by_name(kind: str, expected: list[float]) -> None:
    """Golden values of the contract, one a name."""
    got = credit(rollout([1.0, 0.0, 0.0, 3.0], [1, 1, 1, 1], [0, 0, 0, 0]), kind, 0.7).advantages[:, 0]
    assert got.tolist() == pytest.approx(expected, abs=2e-4)


def test_t23_shaping_pays_for_rising_opinions_and_telescopes() -> None:
    """T23: Phi = 1, 2, 3 before each token: 1, 1, -3 on top, -1 in all, whatever was said; half of it at weight .5."""
    told = rollout([2.0], [3], [0])
    settings = PPO(decay=1.0, critic=Expectation(shaping=0.5))
    for shaper, wanted in ((None, [2.0, 2.0, 2.0]), (Steps(1.0), [1.5, 1.0, 0.5])):
        crediting = ppo.Crediting(Steps(0.0), Price(settings, 0.0), settings, 8192, shaper)
        assert crediting(told).returns.tolist() == [wanted]


def test_shaping_by_the_critic_itself_is_its_one_step_advantage() -> None:
    """T23: with Phi = V and a silent critic, what a token earns is the advantage that V gives it."""
    told, values = rollout([2.0, -1.0], [3, 2], [0, 1], drift=0.3), Steps(0.7)
    one = PPO(decay=0.0, critic=Expectation(shaping=1.0))
    shaped = ppo.Crediting(Steps(0.0), Price(one, 0.2), one, 8192, values)(told)
    plain = ppo.Crediting(values, Price(one, 0.2), one, 8192)(told)
    torch.testing.assert_close(shaped.advantages, plain.advantages, atol=1e-6, rtol=0)


def test_what_the_critic_foresaw_by_hand() -> None:
    """Returns 1, 2, 3 against 2, 3, 3: errors vary by 2/9, returns by 2/3, so two thirds were foreseen."""
    values, returns = torch.tensor([[2.0, 3.0, 3.0]]), torch.tensor([[1.0, 2.0, 3.0]])
    one = Experience.of(rollout([0.0], [3], [0]), torch.zeros(1, 3), values, returns)
    assert ppo.foreseen(one) == {"explained": pytest.approx(2 / 3)}


def test_a_shared_critic_is_a_head_on_the_policy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins at 0, reads the states that the policy makes anyway, and alone it moves nothing but itself."""
    plan = Rollouts(rounds=2, prompts=2, samples=2, updates=1, longest=4)
    settings = PPO(critic_rounds=1, critic=Expectation(begins="shared"), rollout=plan)
    course = ALGORITHMS["ppo"](settings, bench(path))
    shared = course.objective.critic
    assert isinstance(shared, SharedCritic) and sum(p.numel() for p in shared.network.parameters()) == 32
    assert set(course.networks) == {"policy", "critic"} and course.networks["critic"] is shared.network
    seen, notes = gradients(course)
    assert {name.partition(".")[0] for name in seen[0]} == {"critic"}
    assert {name.partition(".")[0] for name in seen[1]} == {"policy", "critic"}
    assert [note["explained"] for note in notes] == [0.0, 0.0]
    torch.nn.init.normal_(shared.network.weight)
    batch = pack([Rendered([3, 4, 5, 6], [False, False, True, True])])
    reads = []
    monkeypatch.setattr(
        Trunk,
        "states",
        lambda self, *given, look=Trunk.states, **more: reads.append(1) or look(self, *given, **more),
    )
    with torch.no_grad():
        sight = Sight(shared.policy, batch)
        values, logprobs = shared.beside(sight, False), sight.logprobs(1.0)
        assert len(reads) == 1
        assert torch.equal(values, shared.values(batch)) and bool((values != 0).all())
        assert torch.equal(logprobs, shared.policy.logprobs(batch))
        plain = shared.policy.network.transformer(input_ids=torch.tensor([[3, 4, 5, 6]])).last_hidden_state[0]
        torch.testing.assert_close(values[0], (plain[1:3] @ shared.network.weight.T)[:, 0])


def test_a_critic_may_begin_as_the_policy(path: Path) -> None:
    parts = bench(path)
    for begins, wanted in (("reward", parts.critic), ("policy", parts.plain_critic)):
        course = ALGORITHMS["ppo"](PPO(critic=Expectation(begins=begins)), parts)
        assert course.objective.critic is wanted


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("family", ["gpt2", "gemma2"])
def test_entropy_by_hand(family: str, temperature: float, tmp_path: Path) -> None:
    """In nats over the whole vocabulary, with its gradient; a family that caps its logits is read whole."""
    policy = bench(families.folder(tmp_path / family, family)).policy
    assert policy.headed is (family == "gpt2")
    batch = pack([Rendered([3, 4, 5, 6], [False, False, True, True]), Rendered([3, 7], [False, True])])
    found = Sight(policy, batch).entropy(temperature)
    rows = []
    for row in batch.rows:
        logits = policy.network(input_ids=torch.tensor([row.tokens])).logits[0].double() / temperature
        chances = logits.softmax(-1)
        rows.append(-(chances * chances.log()).sum(-1)[[p - 1 for p in range(len(row)) if row.scored[p]]])
    torch.testing.assert_close(found[batch.scored].double(), torch.cat(rows), atol=1e-6, rtol=1e-6)
    assert not found[~batch.scored].any()
    slopes = [
        torch.autograd.grad(one.sum(), policy.network.get_input_embeddings().weight)[0].double()
        for one in (found, torch.cat(rows))
    ]
    torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-4)


def test_what_the_sampler_found_otherwise_is_weighed(path: Path) -> None:
    """The ratio is to the policy's own likelihood, and the gap to the sampler's is a weight of at most the limit."""
    parts = bench(path)
    settings = GRPO(rollout=methods.ROLLOUT, loss=GroupLoss(sampler_limit=1.2))
    honest = parts.sampler

    class Liar:
        """Draws from the policy, and notes down half a nat less for each token."""

        def sample(self, prompts: Any, k: int) -> Any:
            said = honest("round 0", 1.0, 7).sample(prompts, k)
            return [replace(one, logprobs=tuple(x - 0.5 for x in one.logprobs or ())) for one in said]

    parts.sampler = lambda *given: Liar()
    course = ALGORITHMS["grpo"](settings, parts)
    ((batch,),) = list(course.feed)
    mask = batch.sequences.scored
    with torch.no_grad():
        now = parts.policy.logprobs(batch.sequences)
    torch.testing.assert_close(batch.logprobs[mask].double(), now[mask], atol=1e-6, rtol=0)
    assert batch.trust[mask].tolist() == pytest.approx([1.2] * int(mask.sum()))  # e^0.5 is 1.65
    assert float(course.objective(batch).notes["trusted"]) == pytest.approx(1.2)


def test_drift_in_the_loss_is_not_paid_twice(path: Path) -> None:
    """With k3 in the loss the score stays whole, and the loss has kl times the mean k3 on top."""
    losses = {}
    for drift in ("score", "k3"):
        settings = GRPO(kl=0.3, loss=GroupLoss(drift=drift), rollout=methods.ROLLOUT)
        course = ALGORITHMS["grpo"](settings, bench(path, reference=5))
        ((batch,),) = list(course.feed)
        losses[drift] = batch, float(course.objective(batch).mean.detach())
    whole = ALGORITHMS["grpo"](GRPO(kl=0.0, rollout=methods.ROLLOUT), bench(path, reference=5))
    ((free,),) = list(whole.feed)
    batch, loss = losses["k3"]
    assert torch.equal(batch.advantages, free.advantages)
    gap = (batch.reference - batch.logprobs)[batch.sequences.scored].double()
    drift = float((gap.exp() - 1 - gap).mean())
    assert loss - float(whole.objective(free).mean.detach()) == pytest.approx(0.3 * drift, rel=1e-4)
    assert not torch.equal(losses["score"][0].advantages, free.advantages)


class Broken:
    """A scorer that has no number for one answer."""

    def score(self, completions: Any) -> list[float]:
        return [float("nan") if place == 1 else 1.0 * place for place in range(len(completions))]


@pytest.mark.parametrize("method", ["ppo-shared", "reinforce-pp", "remax", "gspo", "vespo"])
def test_a_reward_that_is_no_number_moves_no_weight(method: str, path: Path) -> None:
    """The step is refused and counted, as a loss that is not finite, whatever the method."""
    settings = methods.SETTINGS[method]
    parts = bench(path, scorer=Broken())
    course = ALGORITHMS[settings.method](settings, parts)
    before = {name: p.clone() for name, p in parts.policy.network.named_parameters()}
    guard, told = Guard(), []
    optimizer = Optimizer(course.networks, course.rates, 0.0, 1.0)
    fit(course.feed, course.objective, OneDevice(), optimizer, guard, [lambda n, notes: told.append(notes)])
    assert guard.skipped == 1 and told[0]["skipped"] == 1.0
    assert not torch.isfinite(torch.as_tensor(told[0]["loss"]))  # shown as what it is
    assert all(torch.equal(p, before[name]) for name, p in parts.policy.network.named_parameters())


def test_the_price_adapts_for_methods_without_a_critic_too(path: Path) -> None:
    """It is noted each round, and remembered in the feed's state."""
    plan = Rollouts(rounds=2, prompts=2, samples=2, updates=1, longest=4)
    course = ALGORITHMS["reinforce-pp"](Reinforce(kl=0.1, target_kl=0.5, rollout=plan), bench(path))
    prices = [course.feed.price.now]
    for _ in course.feed:
        prices.append(course.feed.price.now)
    assert prices[0] == 0.1 and prices[2] < prices[1] < 0.1
    assert course.feed.state() == {"round": 2, "price": prices[2]}
