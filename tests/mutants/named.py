"""Faults that are put in by name: those that papers and libraries really made; and mutants that are no faults."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """A text in a file, and what a mistaken hand would have written."""

    what: str
    file: str
    before: str
    after: str


NAMED = (
    Named(
        "the clip before the product, as the book prints 4.49",
        "maths/surrogate.py",
        "loss = -torch.minimum(ratio * credit, ratio.clamp(1 - low, 1 + high) * credit)",
        "loss = -(torch.minimum(ratio, ratio.clamp(1 - low, 1 + high)) * credit)",
    ),
    Named(
        "the drift is paid, not charged",
        "maths/advantage.py",
        "torch.where(mask, drift, 0.0) * -price",
        "torch.where(mask, drift, 0.0) * price",
    ),
    Named(
        "the score on the last column, pad or not",
        "maths/advantage.py",
        "last_true(mask)",
        "mask.shape[-1] - 1 + 0 * last_true(mask)",
    ),
    Named(
        "a standard deviation of n",
        "maths/advantage.py",
        "_mean(above.square(), groups) * size / (size - 1).clamp(min=1)",
        "_mean(above.square(), groups)",
    ),
    Named(
        "leave-one-out that leaves nobody out",
        "maths/advantage.py",
        "group_mean(scores, groups) * size / (size - 1).clamp(min=1)",
        "group_mean(scores, groups)",
    ),
    Named(
        "the reference on the wrong side",
        "maths/preference.py",
        "return beta * (logprobs - reference)",
        "return beta * (logprobs + reference)",
    ),
    Named(
        "ties are pairs",
        "maths/ranking.py",
        "tiers.unsqueeze(-1) < tiers.unsqueeze(-2)",
        "tiers.unsqueeze(-1) <= tiers.unsqueeze(-2)",
    ),
    Named(
        "unranked candidates are rivals",
        "maths/ranking.py",
        "ranked = tiers >= 0\n    above",
        "ranked = tiers >= -1\n    above",
    ),
    Named("k3 the other way round", "maths/divergence.py", "gap = theirs - ours", "gap = ours - theirs"),
    Named(
        "a whitening that divides by n - 1",
        "maths/sequence.py",
        "return masked_mean((shown - masked_mean(shown, mask)).square(), mask)",
        "return masked_mean((shown - masked_mean(shown, mask)).square(), mask) * mask.sum() / (mask.sum() - 1)",
    ),
    Named(
        "imitation that unlearns",
        "algorithms/sft.py",
        "-masked_mean(logprobs, batch.scored)",
        "masked_mean(logprobs, batch.scored)",
    ),
    Named(
        "the mean of all places, scored or not",
        "algorithms/sft.py",
        "masked_mean(logprobs, batch.scored)",
        "logprobs.mean()",
    ),
)

SAME = frozenset(
    {
        # file, function, before, after: what the program computes stays the same, because ...
        # ... more room before a maximum, filled with its least value, changes no maximum
        ("maths/sequence.py", "last_true", "1", "2"),
        # ... a buffer that needs no gradient takes none, and what is copied is copied without
        ("algorithms/stopping.py", "learning", "parameter.detach()", "parameter"),
        # ... a number that is noted bears no gradient, whatever it came from
        ("algorithms/ppo.py", "__call__", "value_loss.detach()", "value_loss"),
        ("algorithms/reward.py", "record", "self.habits.tie.detach()", "self.habits.tie"),
        ("algorithms/reward.py", "record", "self.habits.leanings.detach()", "self.habits.leanings"),
        ("algorithms/reward.py", "__call__", "scores.detach()", "scores"),
        ("algorithms/policy_loss.py", "__call__", "undecided.detach()", "undecided"),
        ("algorithms/distillation.py", "__call__", "nll.detach()", "nll"),
        ("algorithms/distillation.py", "__call__", "divergence.detach()", "divergence"),
        (
            "algorithms/preference.py",
            "__call__",
            "(scores[row, better] - scores[row, worse]).detach()",
            "scores[row, better] - scores[row, worse]",
        ),
        ("algorithms/preference.py", "__call__", "scores.detach()", "scores"),
        ("algorithms/preference.py", "__call__", "said[row, better].detach()", "said[row, better]"),
        ("algorithms/preference.py", "__call__", "said[row, worse].detach()", "said[row, worse]"),
        # ... which tokens count is yes or no, and bears no gradient
        ("maths/ratios.py", "fresh", "logprobs.detach()", "logprobs"),
        # ... what stands where there is no rating is not read
        ("algorithms/reward.py", "error", "0.0", "0.1"),
        # ... a place that is filled in any case holds what is put there
        ("algorithms/stopping.py", "surprises", "0.0", "0.1"),
        ("algorithms/references.py", "sums", "0.0", "0.1"),
        # ... of all tokens, all are the most undecided
        ("algorithms/trust.py", "__call__", "self.settings.undecided < 1", "(self.settings.undecided <= 1)"),
        # ... so many steps are whole passes
        ("algorithms/sft.py", "build", "plain.steps // settings.epochs", "(plain.steps / settings.epochs)"),
        # ... a credit of 0 gives a loss and a slope of 0, whatever the heat
        ("maths/surrogate.py", "sapo_loss", "credit > 0", "(credit >= 0)"),
        # ... what is no segment's end adds 0.0, wherever it is added, and what is read before the first end is not kept
        ("maths/segments.py", "prefix_differences", "0", "1"),
        # ... a halved interval never meets its end to the last bit
        (
            "maths/statistics.py",
            "student_quantile",
            "_student_share(angle, freedom) < level",
            "(_student_share(angle, freedom) <= level)",
        ),
    }
)
"""Mutants that are no faults; give the reason with each."""
