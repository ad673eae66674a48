"""Policy, reward model and critic: exact for every family, whatever stands beside a row, blind to the future."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.rooms import families
from tests.rooms.families import asked
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from concord.batches import Rendered, Sequences, collate, pack
from concord.models import Critic, Policy, RewardModel
from concord.models.policy import plain_head
from concord.models.trunk import precise
from concord.records import Completion

torch.set_num_threads(1)

SAID = [
    Completion(asked("hello"), "the sea was calm", finish="stop"),
    Completion(asked("how far is it to the next town, please? one two three four"), "ten", finish="length"),
    Completion(asked("a", "b", "c"), "it is far away and the little boat went out to sea", finish="stop"),
    Completion(asked("x"), "", finish="stop"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {family: families.folder(place / family, family) for family in families.FAMILIES}


def plainly(path: Path, row: Rendered, temperature: float) -> list[float]:
    """Log-probabilities of one row's scored tokens by plain transformers, alone and unpadded."""
    network = AutoModelForCausalLM.from_pretrained(str(path), attn_implementation="eager").eval()
    logprobs = (network(input_ids=torch.tensor([row.tokens])).logits[0] / temperature).log_softmax(-1)
    return [float(logprobs[place - 1, row.tokens[place]]) for place in places(row)]


def places(row: Rendered) -> list[int]:
    """Where a row's scored tokens stand in it."""
    return [place for place, own in enumerate(row.scored) if own]


def scored(values: Tensor, sequences: Sequences, number: int = 0) -> Tensor:
    return values[number][sequences.scored[number]]


def with_other_filler(sequences: Sequences, token: int) -> Sequences:
    """The same rows, with another token where no row has one."""
    tokens = sequences.tokens.clone()
    tokens[int(sequences.size) :] = token
    return replace(sequences, tokens=tokens)


@pytest.mark.parametrize("family", families.FAMILIES)
@torch.no_grad()
@pytest.mark.slow
def test_logprobs_are_those_of_plain_transformers(family: str, folders: dict[str, Path]) -> None:
    """Pain 11: alone, in a batch, in any order, with anything to fill it up: the same numbers, at any temperature."""
    policy = Policy.load(folders[family], families.CPU)
    together = collate.completions(SAID, policy.template)
    whole = policy.logprobs(together)
    assert bool((whole[~together.scored] == 0).all())
    turned = policy.logprobs(collate.completions(SAID[::-1], policy.template)).flip(0)
    torch.testing.assert_close(turned, whole, atol=1e-5, rtol=0)
    assert int(together.size) < len(together.tokens)
    torch.testing.assert_close(policy.logprobs(with_other_filler(together, 11)), whole, atol=1e-5, rtol=0)
    for place, completion in enumerate(SAID):
        row = policy.template.completion(completion)
        for temperature in (1.0, 0.7):
            alone = pack([row])
            found = scored(policy.logprobs(alone, temperature), alone)
            expected = torch.tensor(plainly(folders[family], row, temperature))
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
            assert len(found) == len(policy.template.said(completion))
        torch.testing.assert_close(
            scored(whole, together, place),
            torch.tensor(plainly(folders[family], row, 1.0)),
            atol=1e-5,
            rtol=0,
        )


@pytest.mark.parametrize("family", families.FAMILIES)
@torch.no_grad()
def test_only_a_plain_head_is_taken_apart(family: str, folders: dict[str, Path]) -> None:
    """Gemma 2 caps its logits after the head: there hidden states times head would be wrong."""
    policy = Policy.load(folders[family], families.CPU)
    assert policy.headed == (family != "gemma2")
    if family == "gemma2":
        row = collate.completions(SAID[:1], policy.template)
        honest = policy.logprobs(row)
        policy.headed = True
        assert float((policy.logprobs(row) - honest).abs().max()) > 0.01


@pytest.mark.parametrize("loudness", [0.002, 0.2])
def test_a_cap_is_found_even_where_it_hardly_bites(loudness: float) -> None:
    """A fresh network's logits are near 0, where a cap of 30 leaves them almost as they are: not for long."""
    for family, plain in (("gemma2", False), ("llama", True)):
        changes = {} if plain else {"final_logit_softcapping": 30.0}
        network = families.network(family, 300, initializer_range=loudness, **changes)
        assert [plain_head(network, families.CPU) for _ in range(8)] == [plain] * 8
        before = network(input_ids=torch.arange(5)[None]).logits
        assert float(before.detach().abs().max()) < 100  # the probe leaves nothing behind


def test_dropout_is_off_until_a_course_turns_it_on(folders: dict[str, Path]) -> None:
    """A loaded network is in evaluation mode; GPT-2's dropout would otherwise spoil every ratio."""
    policy = Policy.load(folders["gpt2"], families.CPU)
    row = collate.completions(SAID[:1], policy.template)
    assert torch.equal(policy.logprobs(row), policy.logprobs(row))
    policy.network.train()
    assert not torch.equal(policy.logprobs(row), policy.logprobs(row))


def reward_model(path: Path, seed: int = 3) -> RewardModel:
    """A reward model with a head that says something."""
    model = RewardModel.load(path, families.CPU)
    torch.manual_seed(seed)
    torch.nn.init.normal_(model.network.score.weight)
    return model


@pytest.mark.parametrize("family", families.FAMILIES)
@torch.no_grad()
@pytest.mark.slow
def test_scores_do_not_depend_on_company_and_survive_saving(
    family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    """T13: read at the last token of the completion, whatever fills up and neighbours; the same after reloading."""
    model = reward_model(folders[family])
    batch = collate.completions(SAID, model.template)
    scores = model.scores(batch)
    torch.testing.assert_close(model.scores(with_other_filler(batch, 11)), scores, atol=1e-5, rtol=1e-5)
    for place, completion in enumerate(SAID):
        row = collate.completions([completion], model.template)
        torch.testing.assert_close(model.scores(row)[0], scores[place], atol=1e-5, rtol=1e-5)
        inner = getattr(model.network, model.network.base_model_prefix)
        state = inner(input_ids=torch.tensor([row.rows[0].tokens])).last_hidden_state[0, -1]
        torch.testing.assert_close(model.network.score.weight[0] @ state, scores[place], atol=1e-4, rtol=1e-5)
    model.save(tmp_path / "reward")
    torch.testing.assert_close(
        RewardModel.load(tmp_path / "reward", families.CPU).scores(batch), scores, atol=0, rtol=0
    )
    # any Hugging Face tool finds one label and the same head
    plain = AutoModelForSequenceClassification.from_pretrained(str(tmp_path / "reward"))
    assert plain.config.num_labels == 1
    assert torch.equal(plain.score.weight, model.network.score.weight)


def test_a_row_without_a_scored_token_has_no_score(folders: dict[str, Path]) -> None:
    """Never the score of its neighbour: nothing was said that could be worth anything."""
    model = reward_model(folders["llama"])
    said, silent = Rendered([5, 6, 7, 8, 9], [False] * 4 + [True]), Rendered([5, 6, 7, 8], [False] * 4)
    for rows in ([said, silent], [silent, said], [silent]):
        with pytest.raises(ValueError):
            model.scores(pack(rows))


def test_a_new_head_starts_at_nothing(folders: dict[str, Path]) -> None:
    """From a language model the head is 0, so that all scores are 0 and not chance."""
    model = RewardModel.load(folders["llama"], families.CPU)
    assert model.scores(collate.completions(SAID, model.template)).tolist() == [0.0] * len(SAID)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
@torch.no_grad()
def test_values_are_expected_before_the_token_is_said(family: str, folders: dict[str, Path]) -> None:
    """T11: the value at token t reads the tokens before t alone; change token t and those after it, and see."""
    critic = Critic.load(folders[family], families.CPU)
    torch.manual_seed(4)
    torch.nn.init.normal_(critic.network.score.weight)
    template = Policy.load(folders[family], families.CPU).template
    rows = [template.completion(one) for one in (*SAID[2:], replace(SAID[2], text="how far is it?"))]
    assert (
        rows[0].tokens[: places(rows[0])[0]] == rows[2].tokens[: places(rows[2])[0]]
    )  # one prompt, read once
    batch = pack(rows)
    values = critic.values(batch)
    assert bool((values[~batch.scored] == 0).all()) and not bool(batch.scored.all())
    inner = getattr(critic.network, critic.network.base_model_prefix)
    row, own = rows[0], scored(values, batch)
    states = inner(input_ids=torch.tensor([row.tokens])).last_hidden_state
    for number, place in enumerate(places(row)):
        expected = critic.network.score.weight[0] @ states[0, place - 1]
        torch.testing.assert_close(own[number], expected, atol=1e-4, rtol=1e-5)
        changed = row.tokens[:place] + [(token + 5) % 200 + 20 for token in row.tokens[place:]]
        other = pack([Rendered(changed, row.scored), *rows[1:]])
        after = critic.values(other)
        torch.testing.assert_close(scored(after, other)[: number + 1], own[: number + 1], atol=1e-5, rtol=0)
        torch.testing.assert_close(after[1:], values[1:], atol=1e-5, rtol=0)
        if place + 1 < len(row):
            assert float((after[0, number + 1] - own[number + 1]).abs()) > 1e-4


def test_float64_stays_float64(folders: dict[str, Path]) -> None:
    """What is learned in double precision is not rounded on the way; half precision is widened."""
    model = reward_model(folders["gpt2"])
    model.network.double()
    policy = Policy.load(folders["gpt2"], families.CPU)
    policy.network.double()
    batch = collate.completions(SAID, model.template)
    assert model.scores(batch).dtype == policy.logprobs(batch).dtype == torch.float64
    assert precise(torch.ones(1, dtype=torch.bfloat16)).dtype == torch.float32


def test_saved_policy_is_a_plain_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    """Pain 21: the saved folder loads with plain transformers, with the same weights, tokenizer and template."""
    policy = Policy.load(folders["gemma2"], families.CPU)
    policy.save(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.bin"))
    again = Policy.load(tmp_path / "saved", families.CPU)
    assert again.template.same_ids(policy.template)
    assert again.template.stops == policy.template.stops
    for name, tensor in AutoModelForCausalLM.from_pretrained(str(tmp_path / "saved")).state_dict().items():
        assert torch.equal(tensor, policy.network.state_dict()[name]), name
    policy.save(tmp_path / "half", torch.bfloat16)
    half = Policy.load(tmp_path / "half", families.CPU).network.state_dict()
    assert half["model.norm.weight"].dtype == torch.float32
    for name, tensor in policy.network.state_dict().items():
        assert torch.equal(half[name], tensor.bfloat16().float()), name


def test_same_ids_means_same_vocabulary_and_template(folders: dict[str, Path]) -> None:
    """Pain 19: a critic may start from the reward model only where both read the same ids."""
    templates = {name: Policy.load(path, families.CPU).template for name, path in folders.items()}
    assert templates["qwen2"].same_ids(templates["qwen3"])
    assert not templates["qwen2"].same_ids(templates["llama"])
