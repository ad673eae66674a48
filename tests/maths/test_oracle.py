"""Our formulas give other people's numbers: TRL, choix (tests/oracle/README.md says which and how)."""

import importlib.util
from pathlib import Path

import pytest
import torch

from concord.maths.advantage import group_mean, group_standard, leave_one_out
from concord.maths.divergence import k1, k3
from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_margin,
    pair_accuracy,
    pair_centring,
    plackett_luce,
)
from concord.maths.sequence import masked_mean, masked_sum
from concord.maths.surrogate import clip_fraction, clipped_policy_loss

SPEC = importlib.util.spec_from_file_location("oracle", Path(__file__).parents[1] / "oracle" / "__init__.py")
oracle = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(oracle)
tensor, bools, check, cases = oracle.tensor, oracle.bools, oracle.check, oracle.cases


@pytest.mark.parametrize("v", cases("reward", "bt", "bt_margin", "bt_centered", "bt_margin_centered"))
def test_reward_losses(v):
    """T14, T18: loss and gradient of TRL's reward trainer."""
    inputs, params, want = v["inputs"], v["params"], v["expect"]
    better, worse = (tensor(inputs[f"rewards_{side}"]).requires_grad_() for side in ("chosen", "rejected"))
    margin = tensor(inputs["margin"]) if params["margin"] else torch.zeros_like(better)
    losses = bradley_terry_margin(better, worse, margin)
    loss = (losses + (params["center_rewards_coefficient"] or 0.0) * pair_centring(better, worse)).mean()
    check(loss, want["loss"])
    for got, side in zip(torch.autograd.grad(loss, (better, worse)), ("chosen", "rejected"), strict=True):
        check(got, want[f"grad_{side}"])
    pairs, order = torch.stack([better, worse], -1), torch.tensor([[0, 1]] * len(better))
    check(pair_accuracy(pairs, order).mean(), want["accuracy"])
    if v["id"] == "bt":
        check(bradley_terry(pairs, order).mean(), want["loss"])


GRPO = (
    "grpo",
    "bnpo",
    "dr_grpo",
    "dapo",
    "grpo_clip_higher",
    "grpo_kl",
    "grpo_kl_bias_corrected",
    "grpo_on_policy",
)


@pytest.mark.parametrize(
    "v", cases("grpo", *GRPO, "gspo", "truncated_importance_sampling", "grpo_train_accumulation4")
)
def test_group_losses(v):
    """T20, T21: loss and gradient of TRL's GRPO trainer, with its ways to average over tokens."""
    inputs, want = v["inputs"], v["expect"]
    params = {**inputs["defaults"], **v["params"]}
    mask, leaf = bools(inputs["mask"]), tensor(inputs["logps"]).requires_grad_()
    old = leaf.detach() if params["on_policy"] else tensor(inputs["old_logps"])
    credit, bounds = tensor(inputs["advantages"])[:, None], (params["epsilon_low"], params["epsilon_high"])
    ours, counts = leaf, mask.sum(-1, keepdim=True)
    if params["importance_sampling_level"] == "sequence":
        ours, old = (masked_sum(x, mask)[:, None] / counts for x in (leaf, old))
    losses = clipped_policy_loss(ours, old, credit, *bounds)
    if params["vllm_is_correction"]:
        losses = losses * tensor(inputs["importance_sampling_ratio"])
    if params["beta"]:
        drift = k3(leaf, tensor(inputs["ref_logps"]))
        drift = drift * (ours - old).exp() if params["use_bias_correction_kl"] else drift
        check(masked_mean(drift, mask), want["kl"])
        losses = losses + params["beta"] * drift
    losses = losses.expand_as(mask)
    averages = {
        "grpo": (masked_sum(losses, mask) / counts[:, 0]).mean(),
        "bnpo": masked_mean(losses, mask),
        "dapo": masked_mean(losses, mask),
        "dr_grpo": masked_sum(losses, mask).mean() / params["max_completion_length"],
    }
    loss = averages[params["loss_type"]] / params["gradient_accumulation_steps"]
    check(loss, want["loss"])
    check(torch.autograd.grad(loss, leaf)[0], want["grad_logps"])
    place = torch.ones_like(counts, dtype=torch.bool) if ours.shape[-1] == 1 else mask
    fraction = clip_fraction(ours, old, credit.expand_as(ours), *bounds, place)
    check(fraction, want["clip_ratio_region_mean"], near=1e-7)
    check(masked_mean(tensor(inputs["entropies"]), mask), want["entropy"])


@pytest.mark.parametrize(
    "v", cases("grpo", "adv_group", "adv_none", "adv_constant_group", "adv_two_functions")
)
def test_group_advantages(v):
    """T10: TRL's group scaling is ours (its float32 Bessel correction aside)."""
    weights = tensor(v["params"]["weights"])
    scores = (tensor(v["inputs"]["rewards"][v["params"]["rewards"]]) * weights).sum(-1)
    groups = torch.arange(8) // v["params"]["num_generations"]
    formula = {"group": group_standard, "none": group_mean}[v["params"]["scale_rewards"]]
    check(formula(scores, groups), v["expect"]["advantages"], near=1e-7)


def test_unscorable_completions_are_left_out():
    """T10: a completion without a score takes no part in its group; TRL gives it advantage 0."""
    for name, id in (("grpo", "adv_unscorable"), ("rloo", "rloo_adv_unscorable")):
        v = oracle.vector(name, id)
        table = tensor(v["inputs"]["rewards"]["some_unscorable"])
        known = ~table.isnan().all(-1)
        scores = (table.nan_to_num() * tensor(v["params"].get("weights", [1.0]))).sum(-1)[known]
        groups = (torch.arange(8) // 4)[known]
        formula = group_standard if name == "grpo" else leave_one_out
        got = torch.zeros(8, dtype=torch.float64).masked_scatter(known, formula(scores, groups))
        check(got, v["expect"]["advantages"], near=1e-7)


@pytest.mark.parametrize(
    "v", cases("rloo", "rloo_adv", "rloo_adv_kl", "rloo_adv_clip", "rloo_adv_normalized")
)
def test_leave_one_out_advantages(v):
    """T10: with drift summed over tokens and paid from the score."""
    inputs, params, want = v["inputs"], v["params"], v["expect"]
    mask, drift = bools(inputs["mask"]), k1(tensor(inputs["old_logps"]), tensor(inputs["ref_logps"]))
    scores = tensor(inputs["rewards"][params["rewards"]])[:, 0]
    scores = scores.clamp(*params["reward_clip_range"]) if params["reward_clip_range"] else scores
    scores = scores - params["beta"] * masked_sum(drift, mask)
    check(scores, want["rewards_after_kl"])
    advantages = leave_one_out(scores, torch.arange(8) // 4)
    if params["normalize_advantages"]:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-4)
    check(advantages, want["advantages"], near=1e-7)


@pytest.mark.parametrize("v", cases("rloo", "rloo_loss", "rloo_loss_wide"))
def test_sequence_level_losses(v):
    """T20: the ratio of whole completions."""
    inputs, bounds = v["inputs"], (v["params"]["epsilon_low"], v["params"]["epsilon_high"])
    mask, leaf, credit = (
        bools(inputs["mask"]),
        tensor(inputs["logps"]).requires_grad_(),
        tensor(inputs["advantages"]),
    )
    ours, old = masked_sum(leaf, mask), masked_sum(tensor(inputs["old_logps"]), mask)
    loss = clipped_policy_loss(ours, old, credit, *bounds).mean()
    check(loss, v["expect"]["loss"])
    check(torch.autograd.grad(loss, leaf)[0], v["expect"]["grad_logps"])
    everyone = torch.ones_like(credit, dtype=torch.bool)
    check(clip_fraction(ours, old, credit, *bounds, everyone), v["expect"]["clip_region"])


def test_rankings_and_pairs_of_choix():
    """T14, T15: partial rankings leave the unranked out."""
    v = oracle.vector("stats", "plackett_luce_nll")
    orders = torch.full((5, 4), -1)
    for row, ranking in enumerate(v["inputs"]["rankings_best_first"]):
        orders[row, ranking] = torch.arange(len(ranking))
    got = plackett_luce(tensor(v["inputs"]["scores"]).expand(5, 4), orders)
    check(got, v["expect"]["nll_each"])
    check(got.sum(), v["expect"]["nll_sum"])
    v = oracle.vector("stats", "bradley_terry_nll")
    pairs = tensor(v["inputs"]["scores"])[torch.tensor(v["inputs"]["pairs_winner_loser"])]
    check(bradley_terry(pairs, torch.tensor([[0, 1]]).expand(len(pairs), 2)).sum(), v["expect"]["nll_sum"])
