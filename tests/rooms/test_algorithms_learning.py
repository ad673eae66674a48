"""What each method learns from a step: the numbers by hand, and one gradient however the step is cut into batches."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from concord.algorithms import ALGORITHMS, Course, group, ppo, reward
from concord.algorithms.experience import spoken
from concord.batches import Rollout, beside, collate
from concord.models import Critic, Policy, RewardModel
from concord.records import Completion, Demonstration, Prompt, Ranking, seed_of
from concord.roles import Sampler
from concord.sampling import BestOf, Local
from concord.settings import DPO, GRPO, PPO, RLOO, SFT, Learning, Rejection, Reward, Rollouts
from concord.training import Guard, Optimizer, fit
from concord.training import Local as OneDevice

SPEC = importlib.util.spec_from_file_location("families", Path(__file__).parent / "families.py")
families: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(families)
torch.set_num_threads(1)

asked = families.asked
PROMPTS = [asked(text) for text in ("hi", "how far is it?", "one two three", "a b c d e f", "sea")]
DEMONSTRATIONS = [
    Demonstration(asked("hello"), "the sea was calm"),
    Demonstration(asked("a", "b", "how far?"), "ten miles"),
    Demonstration(asked("x"), "y"),
    Demonstration(asked("could you tell me"), "it is far to the next town and to the sea"),
]


def ranking(prompt: Prompt, tiers: tuple[tuple[int, ...], ...], *texts: str) -> Ranking:
    return Ranking(prompt, tuple(Completion(prompt, text, finish="stop") for text in texts), tiers)


RANKINGS = [
    ranking(PROMPTS[0], ((1,), (0,)), "no", "yes please"),
    ranking(PROMPTS[1], ((0,), (2,), (1,)), "ten miles to the sea and back", "no", "far"),
    ranking(PROMPTS[2], ((3,), (0, 1), (2,)), "a", "b b b", "c", "four five six seven"),
    ranking(PROMPTS[3], ((0,), (1,)), "it is far away from here", "it is"),
]
ROLLOUT = Rollouts(rounds=1, prompts=3, samples=3, passes=1, updates=1, longest=7)


class Lengths:
    """A scorer with simple tastes: an answer is worth a number that follows from its tokens."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [sum(completion.tokens or ()) % 17 / 4 for completion in completions]


@dataclass
class Bench:
    """The parts that a method asks for, on a tiny model."""

    policy: Policy
    reference: Policy
    critic: Critic
    learning: Learning
    seed: int = 3
    scorer: Any = field(default_factory=Lengths)
    prompts: Sequence[Prompt] = tuple(PROMPTS)
    rankings: Sequence[Ranking] = tuple(RANKINGS)
    kept: list[list[Completion]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        local = Local(self.policy, "p", seed_of(self.seed, occasion), temperature, longest)
        return local if best_of == 1 else BestOf(local, self.scorer, best_of)

    def demonstrations(self, file: str) -> Sequence[Demonstration]:
        assert file == SFT().demonstrations
        return DEMONSTRATIONS

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        self.kept.append(list(said))

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 computes in float64 throughout if asked to; Llamas round to float32 in their norms."""
    return families.folder(tmp_path_factory.mktemp("learning") / "gpt2", "gpt2")


def bench(path: Path, micro_tokens: int = 8192, reference: int | None = None, **parts: Any) -> Bench:
    """Everything in float64; a `reference` of another seed is another model, so that drift is not 0."""
    policy, critic = Policy.load(path, families.CPU), Critic.load(path, families.CPU)
    other = Policy.load(path, families.CPU)
    torch.manual_seed(1)
    torch.nn.init.normal_(critic.network.score.weight, std=0.2)
    if reference is not None:
        torch.manual_seed(reference)
        for parameter in other.network.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.02)
    for network in (policy.network, other.network, critic.network):
        network.double()
    return Bench(policy, other, critic, Learning(micro_tokens=micro_tokens), **parts)


class Watching(OneDevice):
    """An engine that keeps the gradient of each step, and takes no step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Tensor]] = []

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        self.seen.append({name: p.grad.clone() for name, p in optimizer.named() if p.grad is not None})


def gradients(course: Course) -> tuple[list[dict[str, Tensor]], list[dict[str, float]]]:
    """The gradients and notes of all of a course's steps, the weights left as they are."""
    engine, notes = Watching(), []
    optimizer = Optimizer(course.networks, course.rates, 0.0, None)

    def tell(number: int, told: dict[str, Any]) -> None:
        notes.append({name: float(torch.as_tensor(value).detach()) for name, value in told.items()})

    fit(course.feed, course.objective, engine, optimizer, Guard(), [*course.tells, tell])
    assert len(engine.seen) == course.steps
    return engine.seen, notes


def made(method: str, path: Path, micro_tokens: int) -> Course:
    parts = bench(path, micro_tokens, reference=5)
    if method in ("bradley-terry", "plackett-luce"):
        model = RewardModel.load(path, families.CPU)
        torch.manual_seed(2)
        torch.nn.init.normal_(model.network.score.weight)
        model.network.double()
        return reward.build(Reward(likelihood=method, epochs=1, batch=4), parts, model, RANKINGS)
    settings: dict[str, Any] = {
        "sft": SFT(epochs=1, batch=4),
        "dpo": DPO(epochs=1, batch=4),
        "ppo": PPO(critic_rounds=0, rollout=ROLLOUT),
        "grpo": GRPO(rollout=ROLLOUT, kl=0.3),
        "rloo": RLOO(rollout=ROLLOUT, kl=0.3),
    }
    return ALGORITHMS[method](settings[method], parts)


@pytest.mark.parametrize("method", ["sft", "bradley-terry", "plackett-luce", "dpo", "ppo", "grpo", "rloo"])
def test_one_gradient_however_a_step_is_cut(method: str, path: Path) -> None:
    """Pain 10: by weight of tokens or lists, one batch, several or one a row give the same gradient and notes."""
    (whole,), (notes,) = gradients(made(method, path, 8192))
    assert max(float(gradient.abs().max()) for gradient in whole.values()) > 1e-3
    cuts = set()
    for micro_tokens in (1, 60, 200):
        course = made(method, path, micro_tokens)
        (cut,), (told,) = gradients(course)
        assert cut.keys() == whole.keys()
        for name, gradient in whole.items():
            torch.testing.assert_close(cut[name], gradient, atol=1e-9, rtol=0)
        # explained variance is no mean over tokens: of a step's batches it is told on average
        assert {k: v for k, v in told.items() if k != "explained"} == pytest.approx(
            {k: v for k, v in notes.items() if k != "explained"}, abs=1e-6
        )
        again = made(method, path, micro_tokens)
        cuts.add(len(next(iter(again.feed))))
    assert len(cuts) > 1 and max(cuts) >= 4


def test_sft_is_the_mean_over_the_assistants_tokens(path: Path) -> None:
    """T1, T2: the loss by hand from plain log-probabilities; what the user says bears none."""
    course = made("sft", path, 8192)
    _, (notes,) = gradients(course)
    policy = course.objective.policy
    rows = [policy.template.demonstration(one, every_turn=True) for one in DEMONSTRATIONS]
    total, count = 0.0, 0
    for row in rows:
        logits = policy.network(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1).detach()
        for place in range(1, len(row)):
            if row.scored[place]:
                total -= float(logits[place - 1, row.tokens[place]])
                count += 1
    assert notes["loss"] == pytest.approx(total / count, abs=1e-9)
    assert notes["tokens"] == sum(map(len, rows))


def test_every_ranking_is_read_once_an_epoch(path: Path) -> None:
    """T14, T15: over each epoch's steps every list comes once, whole, with its tiers."""
    parts = bench(path)
    model = RewardModel.load(path, families.CPU)
    course = reward.build(Reward(epochs=3, batch=3), parts, model, RANKINGS)
    steps = list(course.feed)
    assert len(steps) == course.steps == 6
    expected = sorted(sorted(tier_of(one)) for one in RANKINGS)
    for epoch in range(3):
        seen = []
        for batches in steps[2 * epoch : 2 * epoch + 2]:
            for lists in batches:
                for place, tiers in zip(lists.place.tolist(), lists.tiers.tolist(), strict=True):
                    ids = [lists.sequences.tokens[p][lists.sequences.scored[p]].tolist() for p in place]
                    seen.append(
                        sorted(
                            (tier, model.template.decode(i))
                            for tier, i in zip(tiers, ids, strict=True)
                            if tier >= 0
                        )
                    )
        assert sorted(seen) == expected


def tier_of(one: Ranking) -> list[tuple[int, str]]:
    return [(tier, one.completions[p].text) for tier, places in enumerate(one.tiers) for p in places]


def test_dpo_begins_at_log_2_and_prefers_the_better(path: Path) -> None:
    """T27: at first the policy is its reference and the loss ln 2; one small step against the gradient leads apart."""
    course = made("dpo", path, 8192)
    optimizer = Optimizer(course.networks, 1e-4, 0.0, None)
    losses: list[dict[str, float]] = []

    def tell(number: int, told: dict[str, Any]) -> None:
        losses.append({name: float(torch.as_tensor(value)) for name, value in told.items()})

    fit(course.feed, course.objective, OneDevice(), optimizer, Guard(), [tell])
    assert losses[0]["loss"] == pytest.approx(math.log(2), abs=1e-7)
    assert losses[0]["margin"] == pytest.approx(0, abs=1e-7)
    course.feed.restore({"done": 0})
    _, (after,) = gradients(course)
    assert after["margin"] > 0 and after["loss"] < math.log(2)
    assert after["accuracy"] > 0.5


def test_dpo_by_hand_away_from_the_reference(path: Path) -> None:
    """T27, pain 24: the reference stays what the policy was at first; each ranking counts once, whatever its pairs."""
    course = made("dpo", path, 8192)
    policy = course.objective.policy
    before = {one: sums(policy, one) for one in RANKINGS}
    torch.manual_seed(9)
    with torch.no_grad():
        for parameter in policy.network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    _, (notes,) = gradients(course)
    losses = []
    for one in RANKINGS:
        drift = [now - then for now, then in zip(sums(policy, one), before[one], strict=True)]
        pairs = [math.log1p(math.exp(-0.1 * (drift[b] - drift[w]))) for b, w in one.pairs()]
        losses.append(sum(pairs) / len(pairs))
    assert notes["loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-6)


@torch.no_grad()
def sums(policy: Policy, one: Ranking) -> list[float]:
    return [float(policy.logprobs(collate.completions([c], policy.template)).sum()) for c in one.completions]


def test_ppo_begins_as_the_policy_gradient(path: Path) -> None:
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


def rollout(scores: list[float], said: list[int], groups: list[int], drift: float = 0.0) -> Rollout:
    """Rows of two prompt tokens and some said ones; each said token drifts alike."""
    rows = [[7, 8] + [9] * count for count in said]
    sequences = beside(rows, [[False, False] + [True] * count for count in said])
    now = torch.where(sequences.scored, -1.0, 0.0)
    then = torch.where(sequences.scored, -1.0 - drift, 0.0)
    return Rollout(sequences, now, then, torch.tensor(scores), torch.tensor(groups))


class Silent:
    """A critic that expects nothing."""

    def values(self, sequences: Any) -> Tensor:
        return torch.zeros(sequences.tokens.shape)


def test_the_score_lands_on_the_last_token_and_drift_on_each(path: Path) -> None:
    """Pain 4, T21, T22: by index, with a critic that expects nothing and lambda 0; also with lambda 1."""
    told = rollout([2.0, -1.0], [3, 1], [0, 1], drift=0.5)
    price = ppo.Price(PPO(kl=0.2), 0.2)
    short = ppo.Crediting(Silent(), price, PPO(decay=0.0), 8192)(told)  # type: ignore[arg-type]
    width = told.sequences.tokens.shape[1]
    paid = -0.2 * 0.5
    expected = torch.zeros(2, width)
    expected[0, 2:5] = torch.tensor([paid, paid, paid + 2.0])
    expected[1, 2] = paid - 1.0
    torch.testing.assert_close(short.returns, expected)
    long = ppo.Crediting(Silent(), price, PPO(decay=1.0), 8192)(told)  # type: ignore[arg-type]
    expected[0, 2:5] = torch.tensor([2.0 + 3 * paid, 2.0 + 2 * paid, 2.0 + paid])
    torch.testing.assert_close(long.returns, expected)
    # the loss sees the token that earned the score
    assert bool(told.sequences.scored[0, 4]) and not bool(told.sequences.scored[0, 5:].any())


def test_price_follows_its_target() -> None:
    """T21: too much drift makes drift dearer by at most a fifth of samples / 2000; fixed without a target."""
    told = rollout([0.0] * 4, [2, 2, 2, 2], [0, 0, 1, 1], drift=1.5)  # 3 nats a completion
    fixed = ppo.Price(PPO(kl=0.1), 0.1)
    assert fixed.heard(told) == {"price": 0.1}
    dear = ppo.Price(PPO(kl=0.1, target_kl=1.0), 0.1)
    assert dear.heard(told)["price"] == pytest.approx(0.1 * (1 + 0.2 * 4 / 2000))
    near = ppo.Price(PPO(kl=0.1, target_kl=3.3), 0.1)
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
            "grpo",
            [0.0, -0.7071, -0.7071, 1.4142, 0.0, 0.0],
        ),  # spread by n - 1, as in TRL; no spread, no credit
        ("rloo", [0.0, -1.3333, -1.3333, 2.6667, 0.0, 0.0]),
    ):
        experience = group.credit(told, method)
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


def test_group_objective_by_hand(path: Path) -> None:
    """The clipped surrogate at ratio 1 plus price times k3, a mean over tokens; k3 = q/p - 1 - log(q/p)."""
    parts = bench(path, reference=5)
    course = ALGORITHMS["grpo"](GRPO(rollout=ROLLOUT, kl=0.3), parts)
    ((batch,),) = list(course.feed)
    mask = batch.sequences.scored
    with torch.no_grad():
        now = parts.policy.logprobs(batch.sequences)[mask]
        gap = parts.reference.logprobs(batch.sequences)[mask] - now
    drift = gap.exp() - 1 - gap
    loss = course.objective(batch)
    assert float(loss.notes["drift"]) == pytest.approx(float(drift.mean()), rel=1e-5)
    assert float(drift.mean()) > 0.01
    by_hand = (-batch.advantages[mask].double() + 0.3 * drift).mean()
    assert float(loss.mean.detach()) == pytest.approx(float(by_hand), rel=1e-5)


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
    items = list(course.feed.items)
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
    settings = GRPO(rollout=replace_plan(temperature=0.7))
    ((batch,),) = list(ALGORITHMS["grpo"](settings, parts).feed)
    with torch.no_grad():
        now = parts.policy.logprobs(batch.sequences, 0.7)
    torch.testing.assert_close(batch.logprobs.double(), now, atol=1e-6, rtol=0)
    sampled = sorted(value for one in parts.kept[0] for value in one.logprobs or ())
    assert sorted(batch.logprobs[batch.sequences.scored].tolist()) == pytest.approx(sampled, abs=1e-5)


def replace_plan(**changes: Any) -> Rollouts:
    return ROLLOUT.model_copy(update=changes)


def test_candidates_keep_their_reference(path: Path) -> None:
    """Each row's reference is its own, whatever batch it was computed in."""
    policy = bench(path).policy
    lists = collate.rankings(RANKINGS, policy.template, 96, print)
    from concord.algorithms.preference import with_reference

    for budget in (1, 60, 8192):
        for candidate, one in zip(with_reference(lists, policy, budget), RANKINGS, strict=True):
            assert candidate.reference == pytest.approx(sums(policy, one), abs=1e-9)
            assert replace(candidate, reference=[]) in lists
