"""Sampling: the very tokens plain transformers would say, from the very distribution, and the same in any company."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from scipy import stats
from tests.rooms import families
from tests.rooms.families import asked
from transformers import AutoModelForCausalLM

from concord.batches import Rendered, pack
from concord.errors import RecordError
from concord.models import Policy
from concord.records import Completion
from concord.sampling import Local, local

torch.set_num_threads(1)

PROMPTS = [
    asked("hello"),
    asked("how far is it to the next town, please?"),
    asked("a", "b", "one two three four five six seven eight nine ten"),
]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    place = tmp_path_factory.mktemp("sampling")
    return {
        family: Policy.load(families.folder(place / family, family), families.CPU)
        for family in families.FAMILIES
    }


def said(completions: list[Completion]) -> list[tuple[int, ...]]:
    return [completion.tokens or () for completion in completions]


@pytest.mark.parametrize("family", families.FAMILIES)
@pytest.mark.slow
def test_greedy_is_plain_generation(family: str, policies: dict[str, Policy]) -> None:
    """Token by token what `generate` says, batched and cached, with prompts longer than a sliding window."""
    policy = policies[family]
    tokens = [policy.template.prompt(prompt) for prompt in PROMPTS]
    assert min(map(len, tokens)) > families.WINDOW
    found = Local(policy, "greedy", 0, top_k=1, longest=24).sample(PROMPTS, 1)
    for prompt, completion in zip(tokens, found, strict=True):
        plain = policy.network.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            do_sample=False,
            max_new_tokens=24,
            eos_token_id=sorted(policy.template.stops.tokens),
            pad_token_id=0,
        )
        assert list(completion.tokens or ()) == plain[0, len(prompt) :].tolist()
        assert completion.logprobs == (0.0,) * len(completion.tokens or ())


@pytest.mark.parametrize("family", families.FAMILIES)
@torch.no_grad()
@pytest.mark.slow
def test_logprobs_are_those_of_a_fresh_reading(family: str, policies: dict[str, Policy]) -> None:
    """Pain 12: what sampling notes down is what learning will compute, at the temperature of both."""
    policy = policies[family]
    for temperature in (1.0, 0.7):
        for completion in Local(policy, "p", 1, temperature, longest=20).sample(PROMPTS, 3):
            before, own = policy.template.prompt(completion.prompt), list(completion.tokens or ())
            row = pack([Rendered(before + own, [False] * len(before) + [True] * len(own))])
            fresh = policy.logprobs(row, temperature)[0][row.scored[0]]
            torch.testing.assert_close(torch.tensor(completion.logprobs), fresh, atol=1e-5, rtol=0)
            assert completion.temperature == temperature


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt2"])
@pytest.mark.slow
def test_a_sample_is_the_same_in_any_company(
    family: str, policies: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resume and reproduction rest on it: a sample depends on seed, prompt and number, on nothing beside it."""
    speaker = Local(policies[family], "p", 2, longest=20)
    together = said(speaker.sample(PROMPTS, 3))
    assert len(set(together)) == 9
    assert said(speaker.sample(PROMPTS[::-1], 3)) == together[6:] + together[3:6] + together[:3]
    assert [said(speaker.sample([prompt], 1))[0] for prompt in PROMPTS] == together[::3]
    assert said(speaker.sample(PROMPTS, 5))[:3] == together[:3]
    for places in (1, 2, 4):  # what ends makes room for what waits
        monkeypatch.setattr(local, "PLACES", places)
        assert said(speaker.sample(PROMPTS, 3)) == together
    assert said(Local(policies[family], "p", 3, longest=20).sample(PROMPTS, 3)) != together


def test_a_prompt_asked_twice_is_answered_anew(policies: dict[str, Policy]) -> None:
    """More prompts a round than there are: the second time is no copy of the first."""
    speaker = Local(policies["llama"], "p", 2, longest=8)
    twice = said(speaker.sample([PROMPTS[0], PROMPTS[1], PROMPTS[0]], 2))
    assert twice[:2] + twice[4:] == said(speaker.sample(PROMPTS[:1], 4))


def test_samples_follow_the_exact_distribution(policies: dict[str, Policy]) -> None:
    """Chi-square of 2000 first tokens against the network's own probabilities; p > 0.001 with this seed."""
    policy = policies["llama"]
    prompt = policy.template.prompt(PROMPTS[1])
    found = Local(policy, "p", 5, longest=1).sample([PROMPTS[1]], 2000)
    with torch.no_grad():
        chances = policy.network(input_ids=torch.tensor([prompt])).logits[0, -1].double().softmax(-1)
    counts = Counter(token for tokens in said(found) for token in tokens)
    often = [token for token in range(len(chances)) if float(chances[token]) * 2000 >= 5]
    seen = [counts[token] for token in often] + [2000 - sum(counts[token] for token in often)]
    expected = [float(chances[token]) * 2000 for token in often]
    assert len(often) > 10
    assert stats.chisquare(seen, [*expected, 2000 - sum(expected)]).pvalue > 1e-3


def test_finish_tells_how_it_ended(policies: dict[str, Policy]) -> None:
    """Pain 2 and 5: "stop" exactly where a stop token was sampled, "length" where the limit cut it off."""
    policy = policies["llama"]
    found = Local(policy, "p", 7, longest=30).sample(PROMPTS, 40)
    stops = policy.template.stops.tokens
    assert {completion.finish for completion in found} == {"stop", "length"}
    for completion in found:
        tokens = completion.tokens or ()
        assert not set(tokens[:-1]) & stops
        assert (tokens[-1] in stops) == (completion.finish == "stop")
        assert completion.finish == "stop" or len(tokens) == 30
        assert len(tokens) == len(completion.logprobs or ())
        assert completion.text == policy.template.decode(tokens)
        assert completion.by == "p" and completion.seed is not None


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_each_row_has_the_room_that_its_own_prompt_leaves(family: str, tmp_path: Path) -> None:
    """A long prompt beside it does not cut a short one's answer; nobody goes beyond the context."""
    policy = Policy.load(families.folder(tmp_path / family, family), families.CPU)
    short, long = asked("a"), asked("one two three four five six seven eight nine ten " * 2)
    size = {prompt: len(policy.template.prompt(prompt)) for prompt in (short, long)}
    assert size[short] < 20 and 70 < size[long] < families.CONTEXT
    speaker = Local(policy, "p", 1, longest=200)
    pair = speaker.sample([short, long], 8)
    assert said(pair)[:8] == said(speaker.sample([short], 8))
    lengths = {
        prompt: [len(c.tokens or ()) for c in pair if c.prompt is prompt and c.finish == "length"]
        for prompt in size
    }
    assert lengths[short] and lengths[long]
    for prompt, found in lengths.items():
        assert set(found) == {families.CONTEXT - size[prompt]}


def test_a_prompt_without_room_for_an_answer_is_named(policies: dict[str, Policy]) -> None:
    """Not a crash deep in the network: the prompt, its tokens and the limit."""
    policy = policies["gpt2"]
    long = asked("one two three four five " * 20)
    count = len(policy.template.prompt(long))
    with pytest.raises(
        RecordError, match=f"Prompt {long.id} has {count} tokens.*context of {families.CONTEXT}"
    ):
        Local(policy, "p", 1).sample([PROMPTS[0], long], 1)


def test_adapted_policy_speaks_through_its_adapters(tmp_path: Path) -> None:
    """Sampling goes through adapters too, and plain transformers says the same of the merged folder."""
    pytest.importorskip("peft")
    path = families.folder(tmp_path / "llama", "llama")
    policy = Policy.load(path, families.CPU, adapter=2)
    torch.manual_seed(0)
    for name, parameter in policy.network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    (found,) = Local(policy, "p", 0, top_k=1, longest=12).sample(PROMPTS[:1], 1)
    (before,) = Local(Policy.load(path, families.CPU), "p", 0, top_k=1, longest=12).sample(PROMPTS[:1], 1)
    assert found.tokens != before.tokens
    policy.save(tmp_path / "saved")
    plain = AutoModelForCausalLM.from_pretrained(str(tmp_path / "saved"))
    prompt = torch.tensor([policy.template.prompt(PROMPTS[0])])
    said_plainly = plain.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=12,
        eos_token_id=sorted(policy.template.stops.tokens),
        pad_token_id=0,
    )
    assert said_plainly[0, prompt.shape[1] :].tolist() == list(found.tokens or ())


def test_a_network_that_learns_drops_no_units_while_it_speaks(tmp_path: Path) -> None:
    """GPT-2 drops a tenth of its units in learning; rounds of rejection sampling speak in between."""
    policy = Policy.load(families.folder(tmp_path / "gpt2", "gpt2"), families.CPU)
    sampler = Local(policy, "gpt2", 3, longest=8)
    calm = sampler.sample(PROMPTS, 2)
    policy.network.train()
    assert sampler.sample(PROMPTS, 2) == calm
    assert policy.network.training
