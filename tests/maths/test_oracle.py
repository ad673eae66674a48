"""Our formulas give other people's numbers: TRL, choix (tests/oracle/README.md says which and how)."""

import importlib.util
from pathlib import Path

import pytest
import torch

from concord.maths.advantage import batch_standard, group_mean, group_standard, leave_one_out
from concord.maths.divergence import k1
from concord.maths.preference import dpo, dpo_conservative, hinge, implicit_reward, ipo
from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_margin,
    pair_accuracy,
    pair_centring,
    plackett_luce,
)
from concord.maths.sequence import masked_mean, masked_sum

SPEC = importlib.util.spec_from_file_location("oracle", Path(__file__).parents[1] / "oracle" / "__init__.py")
oracle = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(oracle)
tensor, bools, check, cases = oracle.tensor, oracle.bools, oracle.check, oracle.cases


def sums(inputs, ld_alpha=1.0):
    """The leaf of token log-probs and the four sums of a pair; ld_alpha weighs the longer one's overhang."""
    leaf, mask = (
        tensor(inputs["policy_token_logps"]).requires_grad_(),
        bools(inputs["completion_mask"])[:, 1:],
    )
    lengths = mask.sum(-1)
    shorter = torch.minimum(*lengths.chunk(2)).repeat(2)
    common = mask & (mask.cumsum(-1) <= shorter[:, None])
    four = []
    for logprobs in (leaf, tensor(inputs["ref_token_logps"])):
        both = masked_sum(logprobs, common) + ld_alpha * masked_sum(logprobs, mask & ~common)
        four += both.chunk(2)
    return leaf, mask, (four[0], four[1], four[2], four[3])


def robust(better, worse, reference_better, reference_worse, beta, smoothing):
    """TRL's `robust` (Chowdhury et al. 2024): right and swapped label, unbiased again."""
    right = dpo(better, worse, reference_better, reference_worse, beta)
    wrong = dpo(worse, better, reference_worse, reference_better, beta)
    return ((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)


@pytest.mark.parametrize(
    "v",
    cases(
        "dpo", "sigmoid", "sigmoid_beta1", "hinge", "ipo", "robust", "sigmoid_norm", "ld_dpo", "sft", "aot"
    ),
)
def test_preference_losses(v):
    """T27: loss, gradient and implicit rewards of TRL's DPO trainer."""
    params, want = v["params"], v["expect"]
    leaf, mask, four = sums(v["inputs"], params.get("ld_alpha", 1.0))
    beta, smoothing = params.get("beta", 0.1), params.get("label_smoothing", 0.0)
    long, short = mask.sum(-1).chunk(2)
    means = (four[0] / long, four[1] / short, four[2] / long, four[3] / short)
    h = [(four[0] - four[1]).sort().values, (four[2] - four[3]).sort().values]
    losses = {
        "sigmoid": lambda: dpo(*four, beta).mean(),
        "sigmoid_norm": lambda: dpo(*means, beta).mean(),
        "hinge": lambda: hinge(*four, beta).mean(),
        "ipo": lambda: ipo(*means, beta).mean(),
        "robust": lambda: robust(*four, beta, smoothing).mean(),
        "aot": lambda: dpo_conservative(h[0], 0 * h[0], h[1], 0 * h[1], beta, smoothing).mean(),
        "sft": lambda: -masked_mean(leaf[:4], mask[:4]),
    }
    loss = losses[v["loss_type"]]()
    check(loss, want["loss"])
    check(torch.autograd.grad(loss, leaf)[0], want["grad_policy_token_logps"])
    better, worse = implicit_reward(four[0], four[2], beta), implicit_reward(four[1], four[3], beta)
    check(better.mean(), want["reward_chosen_mean"])
    check(worse.mean(), want["reward_rejected_mean"])
    order = torch.tensor([[0, 1]] * 4)
    check(pair_accuracy(torch.stack([better, worse], -1), order).mean(), want["reward_accuracy"])


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
