"""Every form of the policy's loss gives TRL's loss and gradient (tests/oracle/README.md says which and how)."""

from types import SimpleNamespace

import pytest
import torch
from tests import oracle
from tests.oracle import bools, cases, check, tensor

from concord.algorithms.policy_loss import DRIFTS, PolicyLoss
from concord.algorithms.price import Price
from concord.maths.averages import over_sequences
from concord.maths.ratios import fresh, most_undecided
from concord.maths.sequence import masked_mean
from concord.settings import GRPO, RLOO, GroupLoss

LOSSES = {
    "grpo": "grpo",
    "bnpo": "bnpo",
    "dr_grpo": "dr-grpo",
    "dapo": "dapo",
    "grpo_clip_higher": "grpo",
    "grpo_two_sided": "two-sided",
    "grpo_kl": "grpo",
    "grpo_kl_bias_corrected": "grpo",
    "grpo_on_policy": "grpo",
    "gspo": "gspo",
    "luspo": "luspo",
    "cispo": "cispo",
    "sapo": "sapo",
    "vespo": "vespo",
    "entropy_top33": "grpo",
    "off_policy_mask": "grpo",
    "truncated_importance_sampling": "dapo",
    "entropy_bonus": "grpo",
    "grpo_train_accumulation4": "grpo",
    "dapo_train_accumulation4": "dapo",
}
"""Each vector of a loss in grpo.json, and our form."""
AVERAGES = {"grpo_two_sided": over_sequences}
"""Where a vector averages otherwise than our form, as its authors do."""
ADVANTAGES = {
    "adv_group",
    "adv_none",
    "adv_batch",
    "adv_constant_group",
    "adv_two_functions",
    "adv_unscorable",
}
LEFT_OUT = {"adv_two_functions_gdpo"}
"""It standardises each of several rewards before it adds them; a scorer here gives one number."""


class Seen:
    """What the vector says that the policy sees."""

    def __init__(self, leaf, entropies):
        self.leaf, self.entropies = leaf, entropies

    def logprobs(self, temperature):
        return self.leaf

    def entropy(self, temperature):
        return self.entropies


def asked(params, form):
    """A vector's parameters as settings."""
    above = 1 if form == "cispo" else 0  # TRL's bound of CISPO is the ratio itself, not how far it is above 1
    drift = ("k3-weighted" if params["use_bias_correction_kl"] else "k3") if params["beta"] else "score"
    loss = GroupLoss(
        form=form,
        clip_high=params["epsilon_high"] - above,
        ratio_limit=params["delta"] or 3.0,
        drift=drift,
        entropy=params["entropy_coef"],
    )
    return GRPO(kl=params["beta"], clip=params["epsilon_low"], loss=loss)


def trust(params, inputs, leaf, mask):
    """How much each token's credit counts: what a round or a step has found out about it."""
    found = torch.ones_like(leaf)
    if params["top_entropy_quantile"] < 1:
        found = most_undecided(tensor(inputs["entropies"]), mask, params["top_entropy_quantile"]).double()
    if params["off_policy_mask_threshold"] is not None:
        credit = tensor(inputs["advantages"])[:, None]
        behaviour = tensor(
            inputs["sampling_logps"]
        )  # TRL measures how stale a row is from the sampler's side
        found = found * fresh(leaf, behaviour, credit, mask, params["off_policy_mask_threshold"])
    return found * tensor(inputs["importance_sampling_ratio"]) if params["vllm_is_correction"] else found


@pytest.mark.parametrize("v", cases("grpo", *LOSSES))
def test_group_losses(v):
    """T20, T21: loss and gradient of TRL's GRPO trainer, by the very objective that learns."""
    inputs, want, form = v["inputs"], v["expect"], LOSSES[v["id"]]
    params = {**inputs["defaults"], **v["params"]}
    near = 1e-7 if form == "sapo" else 1e-9  # TRL keeps its temperatures in float32
    mask, leaf = bools(inputs["mask"]), tensor(inputs["logps"]).requires_grad_()
    settings = asked(params, form)
    loss = PolicyLoss(settings, Price(settings, settings.kl))
    lengths = mask.sum(-1).double()
    everyone = tensor([params["num_items_in_batch"] / params["steps_per_generation"] / len(lengths)])
    # TRL's loss of a micro-batch is divided by how many make a step, or is that of a quarter of `everyone`
    parts = params["gradient_accumulation_steps"] if params["mode"] == "train" and form == "grpo" else 1
    everyone = everyone * (params["steps_per_generation"] if form == "dapo" else 1)
    shares = AVERAGES.get(v["id"], loss.form.average)(lengths, everyone, params["max_completion_length"])
    then = leaf.detach() if params["on_policy"] else tensor(inputs["old_logps"])
    batch = given(inputs, mask, shares, logprobs=then, trust=trust(params, inputs, leaf, mask))
    mean, notes = loss(Seen(leaf, tensor(inputs["entropies"])), batch)
    check(mean / parts, want["loss"], near)
    check(torch.autograd.grad(mean / parts, leaf)[0], want["grad_logps"], near)
    if "clip_ratio_region_mean" in want and form not in ("two-sided", "gspo", "luspo"):
        check(notes["clipped"], want["clip_ratio_region_mean"], near=1e-7)
    if params["beta"]:
        drift = DRIFTS[settings.loss.drift](leaf, tensor(inputs["old_logps"]), tensor(inputs["ref_logps"]))
        check(masked_mean(drift, mask), want["kl"])


def test_every_vector_of_grpo_is_named() -> None:
    """Nothing that other people's code answers is passed over in silence."""
    assert {v["id"] for v in oracle.vectors("grpo")} == LOSSES.keys() | ADVANTAGES | LEFT_OUT


@pytest.mark.parametrize("v", cases("rloo", "rloo_loss", "rloo_loss_wide"))
def test_the_ratio_of_whole_completions(v):
    """T20: TRL's RLOO trainer, which takes one ratio a completion: the form `rloo`."""
    inputs, want = v["inputs"], v["expect"]
    mask, leaf = bools(inputs["mask"]), tensor(inputs["logps"]).requires_grad_()
    settings = RLOO(
        kl=0.0,
        clip=v["params"]["epsilon_low"],
        loss=GroupLoss(form="rloo", clip_high=v["params"]["epsilon_high"]),
    )
    loss = PolicyLoss(settings, Price(settings, 0.0))
    batch = given(inputs, mask, loss.form.average(mask.sum(-1).double(), mask.sum(-1).double(), 8))
    mean, _ = loss(Seen(leaf, leaf), batch)
    check(mean, want["loss"])
    check(torch.autograd.grad(mean, leaf)[0], want["grad_logps"])


def given(inputs, mask, shares, **parts):
    """A batch of experience as the vectors have it."""
    like = tensor(inputs["logps"])
    return SimpleNamespace(
        sequences=SimpleNamespace(scored=mask),
        advantages=tensor(inputs["advantages"])[:, None].expand_as(like),
        reference=tensor(inputs["ref_logps"]),
        share=shares[:, None].expand_as(like),
        **{"logprobs": tensor(inputs["old_logps"]), "trust": torch.ones_like(like), **parts},
    )
