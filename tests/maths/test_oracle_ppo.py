"""Our PPO gives TRL's numbers, the old one's and the later one's (tests/oracle/README.md)."""

import pytest
import torch
from tests import oracle
from tests.oracle import bools, cases, check, tensor

from concord.maths.advantage import gae, token_rewards
from concord.maths.divergence import k1, k2
from concord.maths.sequence import entropy, masked_mean, masked_variance
from concord.maths.surrogate import clip_fraction, clipped_policy_loss, clipped_value_loss, next_price


def whiten_unbiased(x, mask):
    """TRL's whitening, n - 1, not 0 off the mask; ours (sequence.whiten) divides by n."""
    count = mask.sum()
    variance = masked_variance(x, mask) * count / (count - 1)
    return (x - masked_mean(x, mask)) * (variance + 1e-8).rsqrt()


def check_updates(v, credit, returns, values, masks):
    """Policy loss on the first mask, value loss on the second, and both gradients."""
    inputs, params, want = v["inputs"], v["params"], v["expect"]
    leaf, guess = (tensor(inputs[name]).requires_grad_() for name in ("new_logps", "vpred"))
    old, clip = tensor(inputs["old_logps"]), params["cliprange"]
    policy_loss = masked_mean(clipped_policy_loss(leaf, old, credit, clip, clip), masks[0])
    value_losses = clipped_value_loss(guess, values, returns, params["cliprange_value"])
    value_loss = params["vf_coef"] * masked_mean(value_losses, masks[1])
    wanted = want.get("value_loss_times_coef", params["vf_coef"] * want.get("value_loss", 0.0))
    check(policy_loss, want["policy_loss"], near=1e-7)
    check(value_loss, wanted, near=1e-7)
    check(torch.autograd.grad(policy_loss, leaf)[0], want["grad_new_logps"], near=1e-7)
    check(torch.autograd.grad(value_loss, guess)[0], want["grad_vpred"], near=1e-7)
    if "clipfrac" in want:
        check(clip_fraction(leaf, old, credit, clip, clip, masks[0]), want["clipfrac"], near=1e-7)
        check(masked_mean(k2(leaf, old), masks[0]), want["approxkl"])


@pytest.mark.parametrize("v", cases("ppo", "legacy_default", "legacy_abs_whiten", "legacy_mse"))
def test_ppo_legacy(v):
    """T20-T22: rewards, GAE, whitening, both losses and their gradients of TRL 0.11.4."""
    inputs, params, want = v["inputs"], v["params"], v["expect"]
    mask = seen = bools(inputs["mask"])
    values = torch.where(mask, tensor(inputs["values"]), 0.0)
    measure = {"kl": k1, "mse": k2, "abs": lambda p, q: k1(p, q).abs()}[params["kl_penalty"]]
    drift = measure(tensor(inputs["old_logps"]), tensor(inputs["ref_logps"]))
    check(torch.where(mask, drift, 0.0), want["kl"])
    rewards = token_rewards(tensor(inputs["scores"]), drift, mask, params["kl_coef"])
    check(rewards, want["rewards"])
    if params["whiten_rewards"]:  # TRL keeps the mean, and lets what padding then holds leak into GAE
        rewards = whiten_unbiased(rewards, mask) + masked_mean(rewards, mask)
        seen = torch.ones_like(mask)
    raw, returns = gae(rewards, values, seen, params["gamma"], params["lam"])
    credit = whiten_unbiased(raw, mask)
    check(torch.where(mask, returns, 0.0), want["returns"], near=1e-7)
    check(torch.where(mask, credit, 0.0), want["advantages"], near=1e-7)
    check_updates(v, credit, returns, values, (mask, mask))
    check(masked_mean(entropy(tensor(inputs["logits"])), mask), want["entropy"])


@pytest.mark.parametrize("v", cases("ppo", "v2_k1", "v2_k3", "v2_whiten_gamma"))
def test_ppo_v2(v):
    """T22: TRL's later PPO puts the score one token after the end; GAE and both losses agree there too."""
    params, want = v["params"], v["expect"]
    mask, longer = ~bools(want["padding_mask"]), ~bools(want["padding_mask_p1"])
    values = torch.where(longer, tensor(v["inputs"]["values"]), 0.0)
    raw, returns = gae(tensor(want["rewards"]), values, longer, params["gamma"], params["lam"])
    credit = whiten_unbiased(raw, mask)
    check(returns, want["returns"], near=1e-7)
    check(torch.where(mask, credit, 0.0), want["advantages"], near=1e-7)
    check_updates(v, credit, returns, values, (mask, longer))


BUILT = {
    "legacy_default",
    "legacy_abs_whiten",
    "legacy_mse",
    "adaptive_kl_controller",
    "v2_k1",
    "v2_k3",
    "v2_whiten_gamma",
    "masked_whiten_shift_true",
    "masked_whiten_shift_false",
}
LEFT_OUT = {
    "legacy_ratio_threshold_skips": "a ratio is bounded token by token, and drift by `kl_limit`; no batch is skipped",
    "v2_truncate": "a sampler stops at the end token, so that nothing has to be cut off behind it",
}


def test_every_vector_of_ppo_is_named() -> None:
    """Nothing that other people's code answers is passed over in silence."""
    assert {v["id"] for v in oracle.vectors("ppo")} == BUILT | LEFT_OUT.keys()


def test_adaptive_price():
    """T21: the controller of Ziegler et al."""
    v = oracle.vector("ppo", "adaptive_kl_controller")
    params, price, prices = v["params"], v["params"]["init"], []
    for kl in params["observed_kl"]:
        price = next_price(price, kl, params["target"], params["horizon"], params["n_steps"])
        prices.append(price)
    check(prices, v["expect"]["coefficients"])


def test_masked_whitening():
    """T22: with and without the mean put back."""
    for id, kept in (("masked_whiten_shift_true", 0.0), ("masked_whiten_shift_false", 1.0)):
        v = oracle.vector("ppo", id)
        x, mask = tensor(v["params"]["values"]), bools(v["params"]["mask"])
        got = whiten_unbiased(x, mask) + kept * masked_mean(x, mask)
        check(torch.where(mask, got, 0.0), v["expect"]["whitened"], near=1e-7)
