"""Causes in how a policy is steered: rate, price of drift, reference, critic, sampler, credit."""

from itertools import pairwise

from concord.monitoring.explain.evidence import Evidence, number, rows
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded, mean, third

USUAL_PRICE = 0.05
USUAL_CRITIC_RATE = 5e-4
SURE = 0.95
"""Chance of being past the judge's peak from which it is evidence."""


RATE = "learning rate too high"
LEAST_STEPS = 6
"""Steps below which a loss that rises says nothing."""


def rate(seen: Evidence) -> Finding | None:
    """A learning rate too high, in whichever stage it is plainest."""
    looks = [leaping(seen), *(rising(seen, stage) for stage in (seen.stage, "sft", "reward"))]
    return max((one for one in looks if one is not None), key=lambda one: one.score, default=None)


def rising(seen: Evidence, stage: str) -> Finding | None:
    """A stage that learns from fixed data, and whose loss rises or is not finite."""
    diary = seen.folder(stage) / "metrics.jsonl"
    steps = list(rows(diary))
    losses = [(row["step"], loss) for row in steps if (loss := number(row.get("loss"))) is not None]
    if len(steps) < LEAST_STEPS or "round" in steps[0] or not losses:
        return None
    before, after = third(losses, last=False), third(losses, last=True)
    skipped = [row for row in steps if row.get("skipped")]
    signs = [Sign(f"the loss went from {before:.3g} to {after:.3g}", seen.shown(diary), losses[-1][0])]
    if skipped:
        what = f"{len(skipped)} steps were not finite and not learned"
        signs.append(Sign(what, seen.shown(diary), skipped[0]["step"]))
    asked = getattr(seen.recipe, stage, None) if stage != seen.stage else seen.method
    now, name = getattr(asked, "rate", None), seen.named("rate") if stage == seen.stage else f"{stage}.rate"
    return Finding(
        RATE,
        1.0 if skipped else graded(after / before, 1.1, 1.5) if before > 0 else 0.0,
        f"The loss of {stage} rises where it should fall: its steps are too long.",
        signs,
        [Change(name, now, About(now / 10))] if now else [],
    )


def leaping(seen: Evidence) -> Finding | None:
    """The policy leaps away from the reference, and scores gain nothing by it."""
    drift, scores, spread = seen.curve("kl"), seen.curve("score"), first_spread(seen)
    skipped = [row for row in seen.steps if row.get("skipped")]
    if not skipped and (len(drift) < 2 or len(scores) < 2 or not spread):
        return None
    signs, wild, vain = [], 0.0, 0.0
    if skipped:
        wild = vain = 1.0
        signs.append(seen.sign(f"{len(skipped)} steps were not finite and not learned", skipped[0]["step"]))
    if leaps := [(after[1] - before[1], after[0]) for before, after in pairwise(drift)]:
        leap, step = max(leaps)
        wild = max(wild, graded(leap, 2.0, 6.0))
        signs.append(seen.sign(f"drift grew by {leap:.2f} nats within one round", step))
    if cut := seen.curve("clip_fraction", every=True):
        share = max(third(cut, last=False), third(cut, last=True))
        wild = max(wild, graded(share, 0.35, 0.6))
        signs.append(seen.sign(f"{share:.0%} of the tokens' ratios left their bounds", cut[0][0]))
    if scores and spread:
        gain = (third(scores, last=True) - scores[0][1]) / spread
        far = third(drift, last=True) / max(gain, 0.05)
        vain = max(vain, graded(-gain, 0.25, 1.0), graded(far, 10.0, 40.0))
        signs.append(seen.sign(f"the score rose by {gain:.2f} of its first spread", scores[-1][0]))
    now = seen.setting("rate")
    return Finding(
        RATE,
        min(wild, vain),
        "Steps moved the policy further than its scores could guide it, so drift bought next to nothing.",
        signs,
        [Change(seen.named("rate"), now, About(now / 10))] if now else [],
    )


def price_low(seen: Evidence) -> Finding | None:
    """A price of drift too low: the score keeps rising while the policy leaves the people's language behind."""
    drift, scores = seen.curve("kl"), seen.curve("score")
    price = seen.setting("kl")
    if len(drift) < 3 or not scores or price is None or seen.recipe is None:
        return None
    end, most = third(drift, last=True), seen.recipe.gate.kl
    limit = most if price else most / 2
    score, file = graded(end, limit, 2 * limit), seen.shown(seen.diary)
    gain = third(scores, last=True) - scores[0][1]
    signs = [
        Sign(f"drift reached {end:.2f} nats; the gate allows {most:g}", file, drift[-1][0]),
        Sign(f"the score rose by {gain:.2f}, of which drift cost {price * end:.2f}", file, scores[-1][0]),
    ]
    if past := [row for row in seen.watched if (number(row.get("past_peak")) or 0.0) >= SURE]:
        score = max(score, 0.9)
        signs.append(
            Sign("the judge's score is past its peak", f"{seen.stage}/watch.jsonl", past[0].get("step"))
        )
    over = [one for one in drifts(seen) if one.get("policy") == method_name(seen)]
    if any(one.get("says") == "over-optimised" for one in over):
        score = max(score, 0.9)
        signs.append(Sign("the reward model's score rose while the judge's fell", "evaluate/report.json"))
    spread = first_spread(seen)
    if spread and gain < -0.25 * spread:
        return None
    change = Change(seen.named("kl"), price, About(max(3 * price, USUAL_PRICE)))
    return Finding(
        "price of drift too low",
        score,
        "Drift costs next to nothing against what the score pays for it, so nothing holds the policy.",
        signs,
        [change],
    )


def price_high(seen: Evidence) -> Finding | None:
    """A price of drift too high: a nat costs more than scores differ, so the policy stays where it is."""
    prices, scores, drift = seen.curve("price"), seen.curve("score"), seen.curve("kl")
    spread = first_spread(seen)
    if not spread or len(scores) < 3 or not drift:
        return None
    price = third(prices, last=True) if prices else float(seen.setting("kl") or 0)
    gain = (third(scores, last=True) - third(scores, last=False)) / spread
    if price <= 0:
        return None
    file = seen.shown(seen.diary)
    return Finding(
        "price of drift too high",
        min(graded(price / spread, 0.7, 2.0), graded(0.25 - gain, 0.05, 0.2)),
        "A nat of drift costs more than answers differ in score, so learning cannot pay for itself.",
        [
            Sign(f"a nat costs {price:.3g}, scores lie {spread:.3g} apart", file, scores[0][0]),
            Sign(f"the score rose by {gain:.2f} of that spread", file, scores[-1][0]),
            Sign(f"drift stayed at {third(drift, last=True):.3f} nats", file, drift[-1][0]),
        ],
        [Change(seen.named("kl"), seen.setting("kl"), About(spread / 25))],
    )


def reference(seen: Evidence) -> Finding | None:
    """A wrong reference: before its first step the policy is the reference, so drift must begin at nothing."""
    drift, length = seen.curve("kl"), seen.curve("length")
    if not drift or not length:
        return None
    step, first = drift[0]
    odd = seen.curve("mismatch")
    sampler = odd[0][1] * length[0][1] if odd else 0.0
    apart = abs(first) - sampler
    begun = seen.state("sft")
    return Finding(
        "wrong reference",
        graded(apart, 0.1, 0.5) if apart > 0 else 0.0,
        "Drift is counted from another model than the one that learning began with: its price pulls elsewhere.",
        [
            Sign(f"drift was {first:.3f} nats before anything was learned", seen.shown(seen.diary), step),
            Sign(f"of which the sampler can explain at most {sampler:.3f}", seen.shown(seen.diary), step),
            Sign(f"the stage sft is {begun}", "sft/MANIFEST.json"),
        ],
        [
            Change(
                "the reference", "another model", "the policy of stage sft: `concord run RECIPE --again sft`"
            )
        ],
    )


def critic(seen: Evidence) -> Finding | None:
    """A critic that does not learn: what it expects explains nothing of what comes."""
    told = seen.curve("explained_variance")
    if len(told) < 4 or seen.setting("critic_rate") is None:
        return None
    first, last, file = third(told, last=False), third(told, last=True), seen.shown(seen.diary)
    losses = seen.curve("value_loss")
    signs = [Sign(f"explained variance went from {first:.2f} to {last:.2f}", file, told[-1][0])]
    if losses:
        before, after = third(losses, last=False), third(losses, last=True)
        signs.append(Sign(f"its loss went from {before:.3g} to {after:.3g}", file, losses[-1][0]))
    now = seen.setting("critic_rate")
    changes = [Change(seen.named("critic_rate"), now, About(max(USUAL_CRITIC_RATE, 3 * now)))]
    if seen.setting("critic.begins") == "shared":  # it learns at the policy's rate, by its weight
        weight = seen.setting("critic.weight")
        changes = [Change(seen.named("critic.weight"), weight, About(3 * weight))]
    if seen.setting("critic.begins") != "reward":
        changes.append(Change(seen.named("critic.begins"), seen.setting("critic.begins"), "reward"))
    return Finding(
        "critic not learning",
        min(graded(0.3 - last, 0.15, 0.28), graded(0.2 - (last - first), 0.1, 0.18)),
        "The critic's expectations explain next to nothing of the rewards, so credit is noise.",
        signs,
        changes,
    )


def sampler(seen: Evidence) -> Finding | None:
    """Sampler and learner disagree about how likely the very same tokens were."""
    apart = seen.curve("mismatch")
    if not apart:
        return None
    much = mean([value for _, value in apart])
    return Finding(
        "sampler and learner disagree",
        graded(much, 0.03, 0.15),
        "What the sampler noted as likelihood is not what the learner finds, so ratios begin away from 1.",
        [
            Sign(
                f"they are {much:.3f} nats a token apart before a round's first step",
                seen.shown(seen.diary),
                apart[0][0],
            )
        ],
        [
            Change(
                seen.named("rollout.temperature"), seen.setting("rollout.temperature"), "that of the sampler"
            ),
            Change(seen.named("loss.sampler_limit"), seen.setting("loss.sampler_limit"), About(2.0)),
        ],
    )


def advantages(seen: Evidence) -> Finding | None:
    """Advantages collapsed: all answers to a prompt score the same, so within their group nothing is better."""
    tied = seen.curve("tied")
    if not tied or seen.setting("critic_rate") is not None:
        return None
    share, file = third(tied, last=True), seen.shown(seen.diary)
    signs = [Sign(f"{share:.0%} of the prompts got one score for all their answers", file, tied[-1][0])]
    if norms := seen.curve("grad_norm.policy"):
        signs.append(Sign(f"the gradient's norm is {third(norms, last=True):.3g}", file, norms[-1][0]))
    warm = seen.setting("rollout.temperature")
    return Finding(
        "advantages collapsed",
        graded(share, 0.6, 0.95),
        "Answers are credited against others to the same prompt, and these score alike: nothing can be learned.",
        signs,
        [
            Change(seen.named("rollout.temperature"), warm, About(1.3 * warm) if warm else "higher"),
            Change("the scorer", "one number for each prompt", "one that tells answers to a prompt apart"),
        ],
    )


def first_spread(seen: Evidence) -> float:
    """How far scores lay apart in the first round; 0 if that is not known."""
    spreads = seen.curve("score_spread")
    return spreads[0][1] if spreads else 0.0


def drifts(seen: Evidence) -> list[dict[str, object]]:
    """What the evaluation says of each policy's drift."""
    curves = seen.report.get("curves")
    found = curves.get("drift", []) if isinstance(curves, dict) else []
    return [one for one in found if isinstance(one, dict)]


def method_name(seen: Evidence) -> str:
    """How the evaluation calls the policy that is examined."""
    _, _, rival = seen.stage.partition("/")
    return rival or str(seen.setting("method"))
