"""Our formulas give other people's numbers: TRL, choix (tests/oracle/README.md says which and how)."""

import pytest
import torch
from tests import oracle
from tests.oracle import bools, cases, check, tensor

from concord.maths.advantage import batch_standard, group_mean, group_standard, leave_one_out
from concord.maths.divergence import k1
from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_margin,
    pair_accuracy,
    pair_centring,
    plackett_luce,
)
from concord.maths.sequence import masked_sum


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


@pytest.mark.parametrize(
    "v", cases("grpo", "adv_group", "adv_none", "adv_batch", "adv_constant_group", "adv_two_functions")
)
def test_group_advantages(v):
    """T10: TRL's group scaling is ours (its float32 Bessel correction aside)."""
    weights = tensor(v["params"]["weights"])
    scores = (tensor(v["inputs"]["rewards"][v["params"]["rewards"]]) * weights).sum(-1)
    groups = torch.arange(8) // v["params"]["num_generations"]
    formulas = {"group": group_standard, "none": group_mean, "batch": batch_standard}
    formula = formulas[v["params"]["scale_rewards"]]
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
