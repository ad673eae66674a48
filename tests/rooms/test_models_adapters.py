"""LoRA adapters: only they learn, and what is saved is a plain network that says the same."""

from pathlib import Path

import pytest
import torch
from tests.rooms import families
from transformers import MambaConfig, MambaForCausalLM

from concord.batches import collate
from concord.errors import ModelError
from concord.models import Policy, RewardModel, adapters
from concord.records import Completion

pytest.importorskip("peft")
torch.set_num_threads(1)

SAID = [
    Completion(families.asked("hello"), "the sea was calm", finish="stop"),
    Completion(families.asked("a", "b", "c"), "it is far away", finish="stop"),
]


def shake(network: torch.nn.Module) -> list[str]:
    """Move whatever learns; the names of that."""
    torch.manual_seed(5)
    names = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            names.append(name)
            with torch.no_grad():
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return names


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "gpt2"])
def test_only_adapters_learn_and_merging_says_the_same(family: str, tmp_path: Path) -> None:
    """T3: at first the policy is its reference; later the saved, merged network is the adapted one.

    To the last digits if both are read in one way: for a network with adapters there is no pass of our own.
    """
    path = families.folder(tmp_path / family, family)
    reference, policy = Policy.load(path, families.CPU), Policy.load(path, families.CPU, adapter=2)
    assert policy.headed == reference.headed
    batch = collate.completions(SAID, policy.template)
    with torch.no_grad():
        torch.testing.assert_close(policy.logprobs(batch), reference.logprobs(batch), atol=1e-5, rtol=0)
        assert policy.trunk.anatomy is None
        reference.trunk.anatomy = None
        before = reference.logprobs(batch)
        torch.testing.assert_close(policy.logprobs(batch), before, atol=1e-6, rtol=0)
    policy.logprobs(batch).sum().backward()
    learns = shake(policy.network)
    assert learns and all("lora_" in name for name in learns)
    gradients = [name for name, p in policy.network.named_parameters() if p.grad is not None]
    assert gradients == learns
    with torch.no_grad():
        after = policy.logprobs(batch)
        assert float((after - before).abs().max()) > 0.05
        torch.testing.assert_close(reference.logprobs(batch), before, atol=0, rtol=0)
        policy.save(tmp_path / "saved")
        saved = Policy.load(tmp_path / "saved", families.CPU)
        torch.testing.assert_close(saved.logprobs(batch), after, atol=1e-5, rtol=1e-5)
        # saving leaves the adapters to learn on
        assert torch.equal(policy.logprobs(batch), after)
    assert {name: p.shape for name, p in saved.network.named_parameters()} == {
        name: p.shape for name, p in reference.network.named_parameters()
    }


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@torch.no_grad()
def test_adapted_reward_model_keeps_its_head(family: str, tmp_path: Path) -> None:
    """Pain 18: the head learns beside the adapters, and both are in the saved folder."""
    model = RewardModel.load(families.folder(tmp_path / family, family), families.CPU, adapter=2)
    batch = collate.completions(SAID, model.template)
    assert model.scores(batch).tolist() == [0.0, 0.0]
    learns = shake(model.network)
    assert [name for name in learns if "lora_" not in name] == [
        "base_model.model.score.modules_to_save.default.weight"
    ]
    scores = model.scores(batch)
    assert float((scores[0] - scores[1]).abs()) > 0.05
    model.save(tmp_path / "saved")
    again = RewardModel.load(tmp_path / "saved", families.CPU)
    torch.testing.assert_close(again.scores(batch), scores, atol=1e-5, rtol=1e-5)
    assert [name for name in again.network.state_dict() if "score" in name] == ["score.weight"]


def test_a_network_that_adapters_do_not_fit_is_named() -> None:
    network = MambaForCausalLM(MambaConfig(vocab_size=30, hidden_size=16, state_size=4, num_hidden_layers=1))
    with pytest.raises(
        ModelError, match=r"MambaForCausalLM cannot learn by adapters: .*Set `learning.adapter` to 0"
    ):
        adapters.add(network, 2)
