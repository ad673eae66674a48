"""Methods that go round by round, and references that move: steps are counted, and a resumed run ends bit-equal."""

import contextlib
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families, methods

from concord.algorithms import ALGORITHMS, Course
from concord.algorithms.distillation import Distillation, Taught, eased
from concord.algorithms.selection import likeliest
from concord.batches import pack
from concord.errors import SettingsError
from concord.settings import (
    DPO,
    GRPO,
    KTO,
    RLOO,
    Averaged,
    Distill,
    Learning,
    OnlineDPO,
    Plain,
    Rejection,
    Renewed,
    Rollouts,
    Smoothed,
)
from concord.stages.learn import learn
from concord.training import Guard, Local, Optimizer, fit, network_tensors, restore_networks

SAID = Rollouts(rounds=3, prompts=2, samples=3, passes=1, updates=2, longest=4)
CASES: dict[str, Any] = {
    "averaged": DPO(reference=Averaged(share=0.3, every=2), epochs=3, batch=2),
    "renewed": DPO(reference=Renewed(every=3), loss=Smoothed(method="aot"), epochs=3, batch=2),
    "kto": KTO(epochs=3, batch=2),
    "iterated": OnlineDPO(reference=Renewed(every=1), rollout=SAID),
    "followed": OnlineDPO(
        reference=Averaged(share=0.5, every=2),
        rollout=SAID,
        labels="drawn",
        loss=Plain(method="plackett-luce"),
    ),
    "rejection": Rejection(rounds=3, samples=2, batch=3, longest=4),
    "distill": Distill(
        teacher="teacher", answers="own", rounds=3, batch=3, longest=4, weight=1.0, last_weight=0.0, nll=1.0
    ),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = families.folder(tmp_path_factory.mktemp("rounds") / "qwen3", "qwen3")
    parts = methods.bench(path, 100, reference=5)
    for network in (parts.policy.network, parts.reference.network):
        network.float()
    return parts, *(copy.deepcopy(one.network.state_dict()) for one in (parts.policy, parts.reference))


def course(name: str, loaded: Any) -> Course:
    parts, policy, reference = loaded
    parts.policy.network.load_state_dict(policy)
    # a teacher is another model; a reference begins as the policy
    parts.reference.network.load_state_dict(reference if name == "distill" else policy)
    parts.reference.network.requires_grad_(False)
    return ALGORITHMS[CASES[name].method](CASES[name], replace(parts, kept=[], said=[]))


class Killed(BaseException):
    """What kill -9 would do, without the wait."""


def life(name: str, loaded: Any, saved: dict[str, Any] | None, kill_at: int | None) -> Any:
    """A run from its start or from what was saved; what a checkpoint holds after each settled step, and its notes."""
    made = course(name, loaded)
    networks = {**made.networks, **made.kept}
    optimizer = Optimizer(made.networks, dict.fromkeys(made.networks, 1e-2))
    if saved:
        restore_networks(networks, saved["tensors"])
        optimizer.restore(saved["tensors"])
        made.feed.restore(saved["state"])
    moments: dict[int, Any] = {}
    notes: list[dict[str, float]] = []

    def after(number: int, told: dict[str, Any]) -> None:
        notes.append({key: float(value) for key, value in told.items()})
        if made.feed.settled:
            tensors = {**network_tensors(networks), **optimizer.tensors()}
            moments[number] = {
                "tensors": {key: value.detach().clone() for key, value in tensors.items()},
                "state": copy.deepcopy(made.feed.state()),
            }
        if number == kill_at:
            raise Killed

    done = saved["done"] if saved else 0
    with contextlib.suppress(Killed):
        fit(made.feed, made.objective, Local(), optimizer, Guard(), [*made.tells, after], done)
    return moments, notes, made


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_t27_killed_and_resumed_it_ends_bit_equal(name: str, loaded: Any) -> None:
    """From where a checkpoint may be taken: the same weights, the reference's too, and the same notes."""
    whole, told, made = life(name, loaded, None, None)
    assert len(told) == made.steps and max(whole) == made.steps
    assert any(key.startswith("reference.") for key in whole[made.steps]["tensors"]) is bool(made.kept)
    ends = [number for number in whole if number < made.steps]
    assert len(ends) >= 2
    for kill_at in (ends[0], ends[-1] + 1):
        before, first, _ = life(name, loaded, None, kill_at)
        number = max(number for number in before if number < made.steps)
        again, rest, _ = life(name, loaded, {**before[number], "done": number}, None)
        assert [*first[:number], *rest] == told
        for key, tensor in whole[made.steps]["tensors"].items():
            assert torch.equal(again[made.steps]["tensors"][key], tensor), key


def test_t27_a_reference_follows_the_policy(loaded: Any) -> None:
    """Averaged: 0.3 of the policy every second step; renewed: the policy itself every third, then the loss is ln 2."""
    moments, _, _ = life("averaged", loaded, None, None)
    start = loaded[1]
    for key in ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"):
        now, reference = (moments[2]["tensors"][f"{who}.{key}"] for who in ("policy", "reference"))
        assert torch.equal(moments[1]["tensors"][f"reference.{key}"], start[key])
        torch.testing.assert_close(reference, start[key] + 0.3 * (now - start[key]))
        assert not torch.equal(now, start[key])
    moments, told, _ = life("renewed", loaded, None, None)
    key = "model.embed_tokens.weight"
    assert torch.equal(moments[3]["tensors"][f"reference.{key}"], moments[3]["tensors"][f"policy.{key}"])
    at_start = [notes["loss"] == pytest.approx(0.693147, abs=1e-6) for notes in told]
    assert at_start == [number % 3 == 0 for number in range(6)]


def test_drift_is_measured_from_where_the_policy_began_though_a_reference_follows_it(loaded: Any) -> None:
    """A reference that takes the policy's place after each round would see no drift at all."""
    parts, start, _ = loaded
    asked = OnlineDPO(reference=Renewed(every=1), rollout=SAID)
    parts.policy.network.load_state_dict(start)
    parts.reference.network.load_state_dict(start)
    made = ALGORITHMS["online-dpo"](asked, replace(parts, kept=[], said=[]))
    told: list[dict[str, float]] = []
    optimizer = Optimizer(made.networks, dict.fromkeys(made.networks, 1e-2))
    fit(
        made.feed,
        made.objective,
        Local(),
        optimizer,
        Guard(),
        [*made.tells, lambda _, notes: told.append({**notes})],
    )
    for key, tensor in parts.reference.network.state_dict().items():
        assert torch.equal(tensor, start[key]), key
    followed = made.kept["reference"].state_dict()
    assert all(
        torch.equal(followed[key], tensor) for key, tensor in parts.policy.network.state_dict().items()
    )
    first, last = (float(told[place]["kl"]) for place in (0, -1))
    assert first == pytest.approx(0, abs=1e-3) and last > 0.1
    # What is learned from is the copy that follows: as each round begins it is the policy, and the loss ln 2.
    assert [notes["loss"] == pytest.approx(0.693147, abs=1e-5) for notes in told] == [True, False] * 3


@pytest.mark.parametrize("asked", [GRPO, RLOO])
def test_one_answer_to_a_prompt_teaches_nothing_and_is_refused(asked: Any, loaded: Any) -> None:
    with pytest.raises(SettingsError, match="one alone teaches nothing"):
        ALGORITHMS[asked.model_fields["method"].default](asked(rollout=Rollouts(samples=1)), loaded[0])


def test_t32_each_round_says_something_else(loaded: Any) -> None:
    """Iterated rejection sampling: three rounds of five prompts in batches of three, each of new answers."""
    made = course("rejection", loaded)
    assert made.steps == 6
    rounds: dict[int, set[tuple[int, ...]]] = {}
    for number, step in enumerate(made.feed):
        rows = {tuple(row.tokens) for batch in step for row in batch.rows}
        rounds.setdefault(number // 2, set()).update(rows)
        assert made.feed.settled is (number < 2 or number % 2 == 1)
        notes: dict[str, Any] = {}
        for tell in made.tells:
            tell(number, notes)
        assert notes["round"] == number // 2
    assert [len(rows) for rows in rounds.values()] == [5, 5, 5]
    assert rounds[0] != rounds[1] != rounds[2]


def test_t8_the_teachers_weight_is_seen_to_fall(loaded: Any) -> None:
    """From its first value to its last, evenly, a note of every step; a teacher's answers are the teacher's."""
    _, told, made = life("distill", loaded, None, None)
    assert [notes["weight"] for notes in told] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    for notes in told:
        assert notes["loss"] == pytest.approx(notes["weight"] * notes["divergence"] + notes["nll"], abs=1e-5)
    assert eased(2.0, 0.5, 0, 1) == 2.0 and eased(2.0, 0.5, 1, 2) == 0.5 and eased(2.0, 0.5, 3, 4) == 0.5
    assert made.feed.done == made.steps


@pytest.mark.parametrize(("answers", "alike"), [("teacher", True), ("own", False)])
def test_t8_tokens_that_were_said_are_learned_as_they_were_said(
    loaded: Any, monkeypatch: pytest.MonkeyPatch, answers: Any, alike: bool
) -> None:
    """At temperature 1; read anew from its text, what a random network says comes out in other tokens."""
    parts, _, _ = loaded
    heard: list[Any] = []
    plain = type(parts).speaker

    class Ear:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def sample(self, prompts: Any, k: int) -> Any:
            heard.extend(found := self.inner.sample(prompts, k))
            return found

    def speaker(self: Any, who: Any, name: str, occasion: str, temperature: float, longest: int) -> Ear:
        assert (name, temperature, longest) == (answers, 1.0, 8)
        return Ear(plain(self, who, name, occasion, temperature, longest))

    monkeypatch.setattr(type(parts), "speaker", speaker)
    monkeypatch.setattr(type(parts.policy.template), "same_ids", lambda self, other: alike)
    asked = CASES["distill"].model_copy(update={"answers": answers, "longest": 8})
    step = next(iter(ALGORITHMS["distill"](asked, replace(parts, kept=[], said=[])).feed))
    said = [one.tokens for one in heard]
    for batch in step:
        for row in batch.sequences.rows:
            assert tuple(token for token, mark in zip(row.tokens, row.scored, strict=True) if mark) in said
    anew = [row.tokens for row in parts.policy.template.completions(heard)]
    assert any(tuple(tokens[-len(one) :]) != one for tokens, one in zip(anew, said, strict=True))


def test_t8_the_likelihood_of_answers_is_a_mean_over_their_tokens(loaded: Any) -> None:
    """Without a teacher what is left is imitation: four demonstrations of several lengths, from plain logits."""
    parts, policy, _ = loaded
    parts.policy.network.load_state_dict(policy)
    rows = parts.policy.template.demonstrations(methods.DEMONSTRATIONS, every_turn=False)
    said = []
    for row in rows:
        logits = parts.policy.network(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1).detach()
        said += [float(logits[place - 1, row.tokens[place]]) for place, mark in enumerate(row.scored) if mark]
    asked = Distill(teacher="none", weight=0.0, last_weight=0.0, nll=2.0)
    loss = Distillation(parts.policy, None, asked, None)(Taught(pack(rows), 0.0))
    assert float(loss.mean.detach()) == pytest.approx(-2.0 * sum(said) / len(said), rel=1e-6)


def test_t9_a_small_model_keeps_what_it_finds_likeliest(loaded: Any) -> None:
    """By the mean log-probability of the answer's tokens, from plain logits; the order of the pool is kept."""
    parts, policy, _ = loaded
    parts.policy.network.load_state_dict(policy)
    pool, means = methods.DEMONSTRATIONS, []
    for row in parts.policy.template.demonstrations(pool, every_turn=False):
        logits = parts.policy.network(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1).detach()
        places = [place for place, mark in enumerate(row.scored) if mark]
        means.append(sum(float(logits[place - 1, row.tokens[place]]) for place in places) / len(places))
    for keep in (1, 3):
        bar = sorted(means, reverse=True)[keep - 1]
        wanted = [one for one, mean in zip(pool, means, strict=True) if mean >= bar]
        assert likeliest(pool, parts.policy, keep, micro_tokens=40) == wanted
    with pytest.raises(ValueError, match="between 1 and the 4"):
        likeliest(pool, parts.policy, 5)


def test_t27_a_stage_saves_the_reference_that_moves(loaded: Any, tmp_path: Path) -> None:
    """The real loop of a stage, with checkpoints on disk: stopped after step 3 and begun again, it ends bit-equal."""
    parts, _, _ = loaded
    ends = []
    for folder, stops in ((tmp_path / "calm.partial", ()), (tmp_path / "killed.partial", (3,))):
        folder.mkdir()
        for stop in (*stops, None):
            made = course("averaged", loaded)

            def death(number: int, notes: dict[str, Any], stop: int | None = stop) -> None:
                if number == stop:
                    raise Killed

            bench = replace(parts, learning=Learning(micro_tokens=100, checkpoint_seconds=0), said=[])
            bench.compute = families.CPU
            with contextlib.suppress(Killed):
                learn(replace(made, tells=(*made.tells, death)), bench, folder, "key")
        assert ("goes on after step 2 of 6." in bench.said) is bool(stops)
        ends.append(
            {key: tensor.clone() for key, tensor in network_tensors({**made.networks, **made.kept}).items()}
        )
    assert any(key.startswith("reference.") for key in ends[0])
    assert all(torch.equal(tensor, ends[1][key]) for key, tensor in ends[0].items())
