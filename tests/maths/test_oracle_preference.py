"""T27: every preference loss of TRL's DPO trainer, its gradient by each token, and its implicit rewards."""

import pytest
import torch
from tests import oracle
from tests.oracle import bools, check, tensor

from concord.maths import drift as drifts
from concord.maths import preference
from concord.maths.preference import implicit_reward
from concord.maths.ranking import pair_accuracy, plackett_luce
from concord.maths.sequence import masked_mean, masked_sum

PAIRED = {
    "sigmoid": preference.dpo,
    "hinge": preference.hinge,
    "ipo": preference.ipo,
    "exo_pair": preference.exo,
    "nca_pair": preference.nca,
    "robust": preference.robust,
    "bco_pair": preference.bco,
    "sppo_hard": preference.sppo,
    "apo_zero": preference.apo_zero,
    "apo_down": preference.apo_down,
    "discopop": preference.discopop,
    "sigmoid_norm": preference.dpo,
    "aot_unpaired": preference.aot_unpaired,
}
OURS = {"beta": "beta", "label_smoothing": "smoothing", "discopop_tau": "tau"}
LINKS = {
    "forward_kl": drifts.forward_kl,
    "js_divergence": drifts.jensen_shannon,
    "alpha_divergence": lambda drift: drifts.alpha(drift, 0.5),
}
MEANS = ("ipo", "sigmoid_norm")
"""TRL divides the drift of these by the completion's length."""


def loss_of(v, leaf, mask):
    """The loss put together from our formulas, and the sums of a row's tokens for policy and reference."""
    inputs, params, name = v["inputs"], v["params"], v["loss_type"]
    shared = torch.minimum(*mask.sum(-1).chunk(2)).repeat(2)
    start = mask.int().argmax(-1, keepdim=True)
    places = (torch.arange(mask.shape[-1]) + start) % mask.shape[-1]  # the first scored token stands first

    def total(tokens):
        return drifts.discounted_tail(
            torch.where(mask, tokens, 0.0).gather(-1, places), shared, params.get("ld_alpha", 1.0)
        )

    said, reference = total(leaf), total(tensor(inputs["ref_token_logps"]))
    drift = LINKS.get(params.get("f_divergence_type"), drifts.reverse_kl)(said - reference)
    drift = drift / mask.sum(-1) if name in MEANS else drift
    better, worse = drift.chunk(2)
    own = {OURS[key]: value for key, value in params.items() if key in OURS}
    nll = -masked_mean(leaf[:4], mask[:4])
    if isinstance(name, list):
        preference_weight, quality, generation = params["loss_weights"]
        return (
            preference.mpo(better, worse, own["beta"], preference_weight, quality).mean() + generation * nll,
            said,
            reference,
        )
    if name == "sft":
        return nll, said, reference
    if name == "aot":
        (b, w), (x, y) = said.chunk(2), reference.chunk(2)
        return preference.aot(b - w, x - y, **own).mean(), said, reference
    if name == "aot_unpaired":
        own = {"smoothing": 0.0, **own}
    losses = PAIRED[name](better, worse, **own)
    if params.get("use_weighting"):
        weights = drifts.on_policy_weight(leaf, tensor(inputs["log_sum_sq_probs"]), mask)
        losses = losses * torch.stack(weights.chunk(2)).prod(0)
    return losses.mean(), said, reference


@pytest.mark.parametrize("v", [pytest.param(v, id=v["id"]) for v in oracle.vectors("dpo")])
def test_t27_preference_losses(v):
    params, want = v["params"], v["expect"]
    near = {"f_alpha": 2e-5, "exo_pair": 1e-7}.get(v["id"], 1e-9)
    leaf, mask = (
        tensor(v["inputs"]["policy_token_logps"]).requires_grad_(),
        bools(v["inputs"]["completion_mask"])[:, 1:],
    )
    loss, said, reference = loss_of(v, leaf, mask)
    check(loss, want["loss"], near)
    check(torch.autograd.grad(loss, leaf)[0], want["grad_policy_token_logps"], near)
    rewards = torch.stack(implicit_reward(said, reference, params.get("beta", 0.1)).chunk(2), -1).detach()
    check(rewards[:, 0].mean(), want["reward_chosen_mean"], near)
    check(rewards[:, 1].mean(), want["reward_rejected_mean"], near)
    order = torch.tensor([[0, 1]] * 4)
    check(pair_accuracy(rewards, order).mean(), want["reward_accuracy"])
    if v["id"] == "sigmoid":  # two implicit rewards in a list are DPO
        rewards = torch.stack(implicit_reward(masked_sum(leaf, mask), reference, 0.1).chunk(2), -1)
        check(plackett_luce(rewards, order).mean(), want["loss"])
