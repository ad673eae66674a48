"""Packed rows against plain transformers: numbers and slopes of every family, as if each row stood alone."""

import copy
from typing import Any

import pytest
import torch
from tests.rooms import families
from tests.rooms.alone import ROWS, SCORED, VOCABULARY, agree, plain_logprobs, plain_states, shaken
from tests.rooms.families import CPU, WINDOW
from tests.rooms.flexing import dense
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from concord.batches import pack, packing
from concord.models import Compute, Critic, Policy, RewardModel, adapters, attention, flexible
from concord.models.policy import plain_head
from concord.models.trunk import Trunk, backbone, packed, why_padded

torch.set_num_threads(1)
KNOWN = {"llama", "qwen2", "qwen3", "qwen3-untied", "mistral", "gemma"}
"""Families that also have a pass of our own."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in families.FAMILIES},
    "llama, all heads": ("llama", {"num_key_value_heads": 4}),
    "llama, one head of keys": ("llama", {"num_key_value_heads": 1}),
    "llama, biased": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, turned by halves": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e3}},
    ),
    "qwen2, one layer slides": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
    ),
    "qwen3, all layers slide": (
        "qwen3",
        {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 0},
    ),
    "mixtral, sliding": ("mixtral", {"sliding_window": WINDOW}),
    "mistral, seeing everything": ("mistral", {"sliding_window": None}),
    "gpt2, by layer": ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
    "gemma2, capped hard": ("gemma2", {"attn_logit_softcapping": 0.5}),
}
WAYS = ("products", "fused", "flexible")
"""How attention over packed rows is computed."""
READINGS = [
    (variant, reading, way)
    for variant, (family, _) in VARIANTS.items()
    for reading, ways in (("own", WAYS[:2]), ("packed", WAYS), ("padded", WAYS[:1]))
    for way in ways
    if reading != "own" or family in KNOWN
]
OF_FAMILIES = [one for one in READINGS if one[0] in families.FAMILIES and one[2] != WAYS[2]]
SOME = [
    one if one in OF_FAMILIES and one[1] != "padded" else pytest.param(*one, marks=pytest.mark.slow)
    for one in READINGS
]
"""All of them, those slow that only vary a family or pad its rows."""


@pytest.fixture(params=WAYS[:2])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All ways of attention, whatever the lengths and the device; what has no softcap is products there."""
    found = {name: getattr(attention, name) for name in WAYS}
    monkeypatch.setattr(flexible, "_plain", lambda: dense)

    def chosen(block: packing.Block, sight: attention.Sight, _: Any) -> Any:
        unable = request.param == "fused" and sight.softcap is not None
        return found["products" if unable else request.param]

    monkeypatch.setattr(attention, "way", chosen)
    return str(request.param)


def made(variant: str) -> Any:
    family, changes = VARIANTS[variant]
    return shaken(families.network(family, VOCABULARY, **changes))


def trunk(network: nn.Module, reading: str) -> Trunk:
    """One way of reading, taken by hand."""
    found = Trunk.of(network, CPU)
    assert found.padded is None
    if reading == "own":
        assert found.anatomy is not None
    else:
        found.anatomy = None
    if reading == "padded":
        found.padded = "a test asks for it"
    return found


def policy(network: nn.Module, reading: Trunk) -> Policy:
    return Policy(network, None, CPU, plain_head(network, CPU), reading)  # type: ignore[arg-type]


@pytest.mark.parametrize(("variant", "reading", "way"), SOME, indirect=["way"])
@pytest.mark.slow
def test_logprobs_and_their_gradients_are_those_of_rows_alone(variant: str, reading: str, way: str) -> None:
    """Shared prompts, sliding windows, tied heads, experts, capped logits: as if each row were read by itself."""
    network = made(variant)
    twin = copy.deepcopy(network)
    batch = pack(ROWS)
    assert batch.size < sum(map(len, ROWS)) and max(map(len, ROWS)) > 3 * WINDOW
    assert sorted(
        (sum(count for count, _ in block.rests), block.families) for block in batch.layout.blocks
    ) == [(0, 3), (2, 2), (3, 1)]
    found = policy(network, trunk(network, reading)).logprobs(batch, 0.7)[batch.scored]
    agree(network, twin, found, plain_logprobs(twin, 0.7))


@pytest.mark.parametrize("way", WAYS, indirect=True)
@pytest.mark.parametrize("variant", ["llama", "mistral"])
@pytest.mark.slow
def test_rests_may_stand_in_several_sorts(variant: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long and short answers to one prompt in products of their own: the same numbers and gradients."""
    monkeypatch.setattr(packing, "SLACK", 0)
    network = made(variant)
    twin = copy.deepcopy(network)
    batch = pack(ROWS)
    assert max(len(block.rests) for block in batch.layout.blocks) > 1
    found = policy(network, trunk(network, "packed")).logprobs(batch, 0.7)[batch.scored]
    agree(network, twin, found, plain_logprobs(twin, 0.7))


@torch.no_grad()
def test_how_families_stand_side_by_side_does_not_matter(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a block of its own: what attention remembers of one is not taken for another's."""
    reader = policy(made("mistral"), trunk(made("mistral"), "packed"))
    together = pack(ROWS)
    wanted = reader.logprobs(together)
    monkeypatch.setattr(packing, "LARGEST", 1)
    apart = pack(ROWS)
    assert len(apart.layout.blocks) == len(apart.layout.families) > len(together.layout.blocks)
    torch.testing.assert_close(reader.logprobs(apart), wanted, atol=1e-5, rtol=0)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(("variant", "reading", "way"), OF_FAMILIES, indirect=["way"])
def test_half_precision_is_no_worse_than_plain_half_precision(variant: str, reading: str, way: str) -> None:
    """Measured from what full precision finds: a margin of half as much, for processors round differently."""
    network = made(variant)
    exact = plain_logprobs(network, 0.7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        usual = plain_logprobs(network, 0.7)
    reader = policy(network, trunk(network, reading))
    reader.compute = reader.trunk.compute = Compute(torch.device("cpu"), torch.bfloat16, "a test")
    found = reader.logprobs(pack(ROWS), 0.7)[pack(ROWS).scored]
    assert found.dtype == torch.float32
    mine, theirs = (float((one - exact).square().mean().sqrt()) for one in (found, usual))
    assert 1e-3 < mine <= 1.5 * theirs


def scoring(variant: str) -> Any:
    """The same family under a head that gives one number."""
    config = copy.deepcopy(families.network(VARIANTS[variant][0], VOCABULARY, **VARIANTS[variant][1]).config)
    config.num_labels = 1
    torch.manual_seed(3)
    network = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    return shaken(network.eval())


@pytest.mark.parametrize(("variant", "reading", "way"), OF_FAMILIES, indirect=["way"])
@pytest.mark.slow
def test_scores_and_values_are_those_of_rows_alone(variant: str, reading: str, way: str) -> None:
    """Scores are read at each row's last scored token, values just before each scored one; gradients too."""
    network = scoring(variant)
    twin = copy.deepcopy(network)
    batch, head = pack(ROWS), twin.score.weight[0]
    critic = Critic(network, CPU, trunk(network, reading))
    wanted = torch.cat(
        [
            states[torch.tensor(places) - 1] @ head
            for states, places in zip(plain_states(twin), SCORED, strict=True)
        ]
    )
    agree(network, twin, critic.values(batch)[batch.scored], wanted)
    for one in (network, twin):
        one.zero_grad()
    model = RewardModel(network, None, CPU, critic.trunk)  # type: ignore[arg-type]
    ends = torch.stack(
        [states[places[-1]] @ head for states, places in zip(plain_states(twin), SCORED, strict=True)]
    )
    agree(network, twin, model.scores(batch), ends)


@pytest.mark.parametrize("reading", ["packed", "padded"])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "gemma3", "gpt2", "mistral", "gemma"])
@pytest.mark.slow
def test_adapted_networks_read_packed_rows_too(family: str, reading: str, way: str) -> None:
    """With LoRA around it, a network's adapters get the gradients that rows alone would give them."""
    pytest.importorskip("peft")
    plain = made(family)
    network: Any = adapters.add(plain, 2)
    learns = [parameter for parameter in network.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for number, parameter in enumerate(learns):
            parameter.add_(
                torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)) * 0.2
            )
    twin = copy.deepcopy(network)
    assert why_padded(network) is None and Trunk.of(network, CPU).anatomy is None
    reader = Trunk(network, CPU, "a test asks for it" if reading == "padded" else None)
    batch = pack(ROWS)
    found = policy(network, reader).logprobs(batch, 0.7)[batch.scored]
    agree(network, twin, found, plain_logprobs(twin, 0.7))
    assert learns and all(parameter.grad.any() for parameter in learns)


@pytest.mark.parametrize("variant", VARIANTS)
def test_these_families_run_packed(variant: str) -> None:
    """Also while their weights are near 0, and whatever they were set to before, the network is left so."""
    family, changes = VARIANTS[variant]
    for network in (made(variant), families.network(family, VOCABULARY, **changes, initializer_range=0.002)):
        assert why_padded(network) is None
        assert backbone(network).config._attn_implementation == "eager"
        assert (Trunk.of(network, CPU).anatomy is not None) == (family in KNOWN)
        assert not any(
            parameter.requires_grad and parameter.grad is not None for parameter in network.parameters()
        )


def test_attention_is_given_back_even_after_an_error() -> None:
    network = made("llama")
    with pytest.raises(RuntimeError, match="on the way"), packed(backbone(network)):
        assert backbone(network).config._attn_implementation == attention.NAME
        raise RuntimeError("on the way")
    assert backbone(network).config._attn_implementation == "eager"


DROPPING = {
    "gpt2": {"attn_pdrop": 0.5, "resid_pdrop": 0.0, "embd_pdrop": 0.0},
    "llama": {"attention_dropout": 0.5},
    "gemma2": {"attention_dropout": 0.5},
}


@pytest.mark.parametrize("family", DROPPING)
def test_attention_drops_while_learning_and_only_then(family: str, way: str) -> None:
    """Dropout of attention alone: packed rows learn with it, by chance that follows from the seed."""
    network = families.network(family, VOCABULARY, **DROPPING[family])
    batch = pack(ROWS)
    reader = policy(network, Trunk.of(network, CPU))

    def read(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return reader.logprobs(batch).detach()

    still = read(1)
    assert torch.equal(still, read(2))
    network.train()
    dropped = read(1)
    assert torch.equal(dropped, read(1))
    for other in (still, read(2)):
        assert float((dropped - other)[batch.scored].abs().median()) > 0.01
    network.eval()
    assert torch.equal(still, read(3))


def test_without_dropout_learning_reads_as_ever() -> None:
    """Where nothing is dropped, a pass of our own serves learning, too."""
    network = families.network("llama", VOCABULARY)
    reader = policy(network, Trunk.of(network, CPU))
    before = reader.logprobs(pack(ROWS))
    network.train()
    assert reader.trunk.anatomy is not None and torch.equal(reader.logprobs(pack(ROWS)), before)


@pytest.mark.parametrize("family", sorted(KNOWN))
@pytest.mark.slow
def test_half_precision_learns_in_the_direction_of_full_precision(family: str, way: str) -> None:
    """Gradients of our own pass in bfloat16, every parameter's: as near to full precision as plain autocast's are."""
    network = made(family)
    twin, plain = copy.deepcopy(network), copy.deepcopy(network)
    (-plain_logprobs(twin, 1.0).mean()).backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        usual = plain_logprobs(plain, 1.0)
    (-usual.mean()).backward()
    reader = policy(network, trunk(network, "own"))
    reader.compute = reader.trunk.compute = Compute(torch.device("cpu"), torch.bfloat16, "a test")
    batch = pack(ROWS)
    (-reader.logprobs(batch)[batch.scored].mean()).backward()
    exact, mine, theirs = (
        torch.cat([one.grad.flatten() for one in which.parameters()]) for which in (twin, network, plain)
    )
    assert float((mine - exact).norm() / exact.norm()) <= 1.5 * float((theirs - exact).norm() / exact.norm())
