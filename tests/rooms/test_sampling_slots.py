"""Slots: what plain transformers says, from the exact distribution, whoever comes and goes beside it."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from tests.rooms import families, speaking
from tests.rooms.speaking import CASES, PROMPTS, answers, some

from concord.errors import Diverged, RecordError
from concord.maths.sequence import entropy
from concord.models import Policy
from concord.sampling import Manner, Request, Slots, fused, product
from concord.sampling.fused import Fused
from concord.sampling.product import Product

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    """Every case's policy."""
    return speaking.policies(tmp_path_factory.mktemp("speaking"))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_greedy_is_plain_generation(name: str, policies: dict[str, Policy]) -> None:
    """Token by token what `generate` says, with three places for four prompts and texts beyond a window."""
    policy = policies[name]
    slots = Slots(policy, places=3)
    assert type(slots.decoder) is CASES[name][2]
    for prompt, said in zip(PROMPTS, answers(slots, some(30, Manner(top_k=1), each=1)), strict=True):
        plain = policy.network.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            do_sample=False,
            max_new_tokens=30,
            eos_token_id=sorted(policy.template.stops.tokens),
            pad_token_id=0,
        )
        assert said.tokens == plain[0, len(prompt) :].tolist()
        assert set(said.entropies) == {0.0}


def exact(logits: torch.Tensor, manner: Manner) -> np.ndarray[Any, Any]:
    """The chances of one distribution, written down once more in float64 and plain numpy."""
    scaled = logits.double().numpy() / manner.temperature
    chances = np.exp(scaled - scaled.max())
    order = np.argsort(-chances, kind="stable")
    if manner.top_k:
        chances[order[manner.top_k :]] = 0
    chances /= chances.sum()
    total = 0.0
    for token in order:
        if total >= manner.top_p:
            chances[token] = 0
        total += chances[token]
    return chances / chances.sum()


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
@pytest.mark.slow
def test_numbers_are_those_of_a_fresh_reading(name: str, policies: dict[str, Policy]) -> None:
    """Log-probabilities and entropies, of the distribution that was drawn from, against a pass without any cache."""
    policy = policies[name]
    for manner in (Manner(), Manner(0.7, top_k=30, top_p=0.9)):
        for request, said in zip(
            some(manner=manner), answers(Slots(policy, 5), some(manner=manner)), strict=True
        ):
            text = torch.tensor([[*request.prompt, *said.tokens]])
            logits = policy.network(input_ids=text).logits[0, len(request.prompt) - 1 : -1]
            chances = torch.tensor(np.stack([exact(row, manner) for row in logits]))
            fresh = chances.log().gather(-1, torch.tensor(said.tokens)[:, None])[:, 0]
            torch.testing.assert_close(torch.tensor(said.logprobs).double(), fresh, atol=1e-5, rtol=0)
            torch.testing.assert_close(
                torch.tensor(said.entropies).double(), entropy(chances.log()), atol=2e-5, rtol=0
            )


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "manner", [Manner(0.6), Manner(1.5, top_k=12), Manner(top_p=0.7), Manner(1.2, 40, 0.8)]
)
@torch.no_grad()
def test_samples_follow_the_exact_distribution(
    name: str, manner: Manner, policies: dict[str, Policy]
) -> None:
    """Chi-square of 2000 first tokens; p > 0.001 with these seeds; nothing that a filter forbids is ever said."""
    policy = policies[name]
    requests = [Request(PROMPTS[1], seed, 1, manner) for seed in range(2000)]
    counts = Counter(said.tokens[0] for said in answers(Slots(policy, 500), requests))
    chances = exact(policy.network(input_ids=torch.tensor([PROMPTS[1]])).logits[0, -1], manner)
    assert all(chances[token] > 0 for token in counts)
    often = np.flatnonzero(chances * 2000 >= 5)
    seen = [counts[int(token)] for token in often]
    expected = [float(chances[token]) * 2000 for token in often]
    rest = 2000 - sum(expected)
    if rest > 1e-6:
        seen, expected = [*seen, 2000 - sum(seen)], [*expected, rest]
    assert len(seen) > 3 and stats.chisquare(seen, expected).pvalue > 1e-3


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2", "gpt2"])
@pytest.mark.slow
def test_an_answer_is_the_same_in_any_company(name: str, policies: dict[str, Policy]) -> None:
    """Alone, with few places, with many, beside other manners, coming late, with little memory: the same tokens."""
    policy, requests = policies[name], some()
    together = answers(Slots(policy), requests)
    texts = [said.tokens for said in together]
    assert len({tuple(text) for text in texts}) == len(texts)
    for places in (1, 2, 5):
        assert [said.tokens for said in answers(Slots(policy, places), requests)] == texts
    assert [answers(Slots(policy), [request])[0].tokens for request in requests] == texts
    others = [Request(PROMPTS[2], 7, 13, Manner(0.5, 9)), Request(PROMPTS[0], 8, 9, Manner(top_p=0.5))] * 2
    mixed = answers(Slots(policy, 6), [*others[:2], *requests, *others[2:]])
    assert [said.tokens for said in mixed[2:-2]] == texts
    assert [said.tokens for said in answers(Slots(policy, tokens=80), requests)] == texts
    slots, late, found = Slots(policy), list(requests), {}
    while slots.busy or late:
        if late:
            slots.add(late.pop(0))
        found.update({said.number: said.tokens for said in slots.step().ended})
    assert [found[number] for number in range(len(requests))] == texts
    for one, other in zip(together, answers(Slots(policy, 2), requests), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_what_grows_side_by_side_is_bounded(policies: dict[str, Policy]) -> None:
    """By hand: prompts of 4 tokens, answers of up to 6. Two rows of two prompts come to 2 x 6 + 2 x 4 = 20 tokens,
    a third row of the second prompt to 26, of a third prompt to 30; never more places than given either."""
    asked = [Request((5, 6, 7, prompt), seed, 6) for seed, prompt in enumerate((8, 9, 9, 10, 10, 10))]
    for places, tokens, most in ((9, 20, 2), (9, 26, 3), (9, 29, 3), (9, 1, 1), (2, 10**6, 2), (9, 10**6, 6)):
        slots = Slots(policies["llama"], places, tokens)
        for request in asked:
            slots.add(request)
        seen = 0
        while slots.busy:
            slots.step()
            seen = max(seen, len(slots.rows))
            lengths = {tuple(row.request.prompt) for row in slots.rows}
            assert len(slots.rows) <= 1 or len(slots.rows) * 6 + len(lengths) * 4 <= tokens
        assert seen <= most


def test_a_prompt_is_read_once(policies: dict[str, Policy], monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight answers to each of two prompts with three places: two prompts are read, and their memory is one place."""
    read: list[tuple[int, ...]] = []
    plain = Fused._read
    monkeypatch.setattr(
        Fused, "_read", lambda self, prompts, places: read.extend(prompts) or plain(self, prompts, places)
    )
    slots = Slots(policies["llama"], places=3)
    answers(slots, [Request(prompt, seed, 6) for prompt in PROMPTS[:2] for seed in range(8)])
    assert sorted(read) == sorted(PROMPTS[:2])
    assert slots.decoder.memory.shared.shape[2] <= 2 and slots.decoder.memory.own.shape[3] <= 4


@pytest.mark.parametrize(
    ("read", "filled", "portions"),
    [
        (100, 512, [[2, 3, 3, 9]]),
        (36, 19, [[2, 3, 3, 9]]),
        (35, 19, [[2, 3, 3], [9]]),
        (36, 18, [[2, 3, 3], [9]]),
        (100, 1, [[2, 3, 3], [9]]),
        (100, 0, [[2], [3, 3], [9]]),
        (5, 512, [[2], [3], [3], [9]]),
    ],
)
def test_prompts_are_read_side_by_side_while_few_tokens_fill_up(
    read: int, filled: int, portions: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of 9 are 36 tokens, of which 17 are their own and 19 fill up; three of 3 are 9, of which 1 fills up."""
    monkeypatch.setattr(fused, "READ", read)
    monkeypatch.setattr(fused, "FILLED", filled)
    prompts = [tuple(range(size)) for size in (2, 3, 3, 9)]
    assert [[len(one) for one in portion] for portion in fused._portions(prompts)] == portions
    assert list(fused._portions([])) == []


def test_a_layout_that_errs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shape is tried once: what gives other products than the plain ones stays as it is."""
    weight = torch.randn(24, 16)
    product.agrees.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(product.F, "linear", lambda x, weight: 1.1 * (x @ weight.T))
        assert product.packed(weight) is None
    assert product.packed(weight) is None  # found out once, not used again
    product.agrees.cache_clear()
    laid_out = product.packed(weight)
    if laid_out is not None:  # where torch has the operations
        assert torch.allclose(Product(weight)(weight), weight @ weight.T, atol=1e-5)
    product.agrees.cache_clear()


def test_a_decoder_has_the_weights_of_its_beginning(policies: dict[str, Policy], tmp_path: Path) -> None:
    """Slots made after the weights changed speak with the new ones: a round of learning is never missed."""
    policy = Policy.load(families.folder(tmp_path / "own", "llama"), families.CPU)
    before = answers(Slots(policy), some())
    with torch.no_grad():
        policy.network.model.layers[0].mlp.gate_proj.weight.mul_(-1.0)
        policy.network.model.norm.weight.mul_(1.5)
    policy.save(tmp_path / "saved")
    after = [said.tokens for said in answers(Slots(policy), some())]
    assert after != [said.tokens for said in before]
    assert after == [
        said.tokens for said in answers(Slots(Policy.load(tmp_path / "saved", families.CPU)), some())
    ]


def test_products_that_cannot_be_laid_out_are_plain(
    policies: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another device, or with a torch that lacks the operations, the same tokens come from plain products."""
    for name in ("llama", "qwen2", "gemma"):
        texts = [said.tokens for said in answers(Slots(policies[name]), some())]
        with monkeypatch.context() as patch:
            patch.setattr(product, "packed", lambda weight: None)
            plain = Slots(policies[name])
        assert plain.decoder.weights.head.weight is not None
        assert [said.tokens for said in answers(plain, some())] == texts


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@torch.no_grad()
def test_bfloat16_products_are_near(name: str, policies: dict[str, Policy]) -> None:
    """Rounded products move a log-probability by hundredths, and entropy stays that of what was drawn from."""
    policy = policies[name]
    for request, said in zip(some(), answers(Slots(policy, dtype=torch.bfloat16), some()), strict=True):
        text = torch.tensor([[*request.prompt, *said.tokens]])
        logprobs = policy.network(input_ids=text).logits[0, len(request.prompt) - 1 : -1].log_softmax(-1)
        fresh = logprobs.gather(-1, torch.tensor(said.tokens)[:, None])[:, 0]
        off = (torch.tensor(said.logprobs) - fresh).abs()
        assert float(off.max()) > 0 and float(off.mean()) < 0.1
        assert all(0 <= number <= math.log(logprobs.shape[-1]) for number in said.entropies)


def test_requests_that_cannot_be_answered_are_refused(policies: dict[str, Policy]) -> None:
    for prompt in ((), (5,) * families.CONTEXT):
        with pytest.raises(RecordError, match=f"{len(prompt)} tokens.*context of {families.CONTEXT}"):
            Slots(policies["llama"]).add(Request(prompt, 0, 5))
    with pytest.raises(RecordError, match="at most 0 tokens"):
        Slots(policies["llama"]).add(Request((5,), 0, 0))
    with pytest.raises(RecordError, match="empty text"):
        Slots(policies["llama"]).add(Request((5,), 0, 1, ends=("",)))
    for manner in (Manner(temperature=0.0), Manner(top_k=-1), Manner(top_p=0.0), Manner(top_p=1.5)):
        with pytest.raises(RecordError, match="no way to draw"):
            Slots(policies["llama"]).add(Request((5,), 0, 1, manner=manner))
    with pytest.raises(RecordError, match="64 bits"):
        Slots(policies["llama"]).add(Request((5,), 2**63, 1))


def test_a_policy_that_expects_no_numbers_is_an_error(tmp_path: Path) -> None:
    """Weights that hold NaN never become tokens."""
    policy = Policy.load(families.folder(tmp_path / "own", "llama"), families.CPU)
    with torch.no_grad():
        policy.network.model.norm.weight.fill_(float("nan"))
    with pytest.raises(Diverged, match="no numbers"):
        answers(Slots(policy), some())
