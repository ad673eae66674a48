"""Methods that speak, as a person asks for them: through the recipe, to a sealed folder that names its reference."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from concord.algorithms.experience import as_said
from concord.models.bare import Bare
from concord.records import Completion
from concord.runs import Run, load
from concord.stages.bench import Bench

SHORT = "rollout: {rounds: 2, prompts: 2, samples: 2, longest: 6}"
RIVALS = {
    "shared": f"{{method: ppo, critic_rounds: 1, critic: {{begins: shared, shaping: 0.5}}, {SHORT}}}",
    "gspo": f"{{method: grpo, credit: mean, loss: {{form: gspo, drift: k3, entropy: 0.01}}, {SHORT}}}",
    "pp": f"{{method: reinforce-pp, target_kl: 1.0, {SHORT}}}",
    "likeliest": f"{{method: remax, {SHORT}}}",
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.long
def test_t22_every_method_goes_from_recipe_to_folder(tiny: Any, begun: Path, tmp_path: Path) -> None:
    """The reference is said at the start, named by the sha256 of its weights, and noted in the stage's facts."""
    run = Path(shutil.copytree(begun, tmp_path / "run"))
    name = sha256(run / "sft" / "model" / "model.safetensors")
    rivals = "rivals={" + ", ".join(f"{key}: {value}" for key, value in RIVALS.items()) + "}"
    for key in RIVALS:
        done = tiny.carry_out("align", run, "--rival", key, rivals)
        assert done.returncode == 0, done.stderr
        assert f"the reference is the policy of stage sft, sha256 of its weights {name[:16]}." in done.stderr
        assert "a nat of drift costs 0.05" in done.stderr
        folder = run / "rivals" / key
        assert json.loads((folder / "MANIFEST.json").read_text())["facts"]["reference"] == name
        assert sha256(folder / "model" / "model.safetensors") != name
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert lines[0]["kl"] == pytest.approx(0, abs=1e-4) and lines[-1]["price"] > 0


@pytest.mark.slow
def test_beside_adapters_the_reference_is_the_policy_without_them(begun: Path, cut: Path) -> None:
    """No second copy in memory; it says what the supervised policy says, whatever the adapters have learned."""
    pytest.importorskip("peft")
    said: list[str] = []
    bench = Bench(load(cut / "recipe.yaml", ["learning.adapter=2"]), Run(begun), "align", said.append)
    policy, reference = bench.policy, bench.reference
    assert isinstance(reference, Bare) and reference.network is policy.network
    assert bench.facts["reference"] == sha256(begun / "sft" / "model" / "model.safetensors")
    assert any(bench.facts["reference"][:16] in line for line in said)
    rows = as_said([Completion(bench.prompts[0], "", tokens=(9, 8, 7))], policy)
    torch.manual_seed(3)
    for parameter in policy.network.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)
    learned, plain = policy.logprobs(rows).detach(), bench.supervised.logprobs(rows)
    torch.testing.assert_close(reference.logprobs(rows), plain, atol=1e-5, rtol=1e-6)
    assert not reference.logprobs(rows).requires_grad
    assert float((learned - plain).abs().max()) > 0.05
    assert torch.equal(policy.logprobs(rows), learned)  # and the adapters are on again
    assert all(p.requires_grad is ("lora_" in name) for name, p in policy.network.named_parameters())
