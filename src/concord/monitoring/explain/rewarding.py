"""Causes in what is rewarded: cut answers, a dead score, a reward model that is asked about other things."""

import math
import re
from statistics import fmean, pstdev, quantiles

from concord.monitoring.explain.evidence import Evidence, asked, excerpt, number
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded, mean, third
from concord.monitoring.habits import SAME

WORD = re.compile(r"\w+")


def cut_off(seen: Evidence) -> Finding | None:
    """Answers cut off: they end because they must, so what is scored is not what the policy would say."""
    told, where = seen.curve("cut"), seen.shown(seen.diary)
    if seen.rounds:
        cut = [[float(one.finish == "length") for one in turn.answers] for turn in seen.rounds]
        told = [(turn.number, mean(some)) for turn, some in zip(seen.rounds, cut, strict=True)]
        where = seen.shown(seen.rounds[-1].file)
    if not told:
        return None
    name = "rollout.longest" if seen.setting("rollout.longest") else "longest"
    share, longest = third(told, last=True), seen.setting(name)
    example = next((one for turn in seen.rounds for one in turn.answers if one.finish == "length"), None)
    signs = [Sign(f"{share:.0%} of the answers were cut off after {longest} tokens", where)]
    signs += [Sign(f"such as {excerpt(example.text)}", where)] if example else []
    return Finding(
        "answers cut off",
        graded(share, 0.2, 0.6),
        "Many answers never come to their end: the score judges stumps, and the policy never learns to stop.",
        signs,
        [Change(seen.named(name), longest, About(enough(seen, longest)))] if longest else [],
    )


def enough(seen: Evidence, longest: int) -> float:
    """Tokens that would do for nearly all answers: judged by those that the supervised policy ended itself."""
    ended = [len(WORD.findall(one.text)) for one in seen.completions if one.finish == "stop"]
    return max(2 * longest, 1.5 * quantiles(ended, n=100)[-1]) if len(ended) > 1 else 4 * longest


def dead(seen: Evidence) -> Finding | None:
    """A dead reward: every answer scores the same."""
    spreads, scores = seen.curve("score_spread"), seen.curve("score")
    if not spreads or not scores:
        return None
    silent = [step for step, value in spreads if value <= SAME]
    what = f"in {len(silent)} of {len(spreads)} rounds every answer scored {scores[-1][1]:.4g}"
    return Finding(
        "dead reward",
        graded(len(silent) / len(spreads), 0.5, 0.9),
        "The score is one number for everything, so nothing is better than anything else.",
        [seen.sign(what, silent[0] if silent else None)],
        [Change("the scorer", "a constant", "one that tells answers apart: see `reward/held_out.jsonl`")],
    )


def foreign(seen: Evidence) -> Finding | None:
    """A reward model off its ground: what it is asked now is not what it has learned from."""
    signs, score = [], 0.0
    if (strange := strangeness(seen)) is not None:
        score = graded(strange, 0.05, 0.15)
        file = seen.shown(seen.rounds[0].file)
        signs.append(Sign(f"{strange:.0%} of the prompts' words stand in no ranked prompt", file))
    if (away := distance(seen)) is not None:
        score = max(score, graded(away, 0.4, 1.2))
        step = seen.curve("score")[0][0]
        signs.append(
            seen.sign(f"scores begin at least {away:.2f} spreads away from those of held-out rankings", step)
        )
    if apart := seen.curve("disagreement"):
        signs.append(seen.sign(f"its members are {third(apart, last=True):.2f} spreads apart", apart[-1][0]))
    if not signs or seen.recipe is None:
        return None
    return Finding(
        "reward model off its ground",
        score,
        "The reward model scores prompts or answers unlike those that it learned from, where it knows nothing.",
        signs,
        [
            Change(
                "prompts", seen.recipe.prompts, "what was ranked; or rank answers to these and redo `reward`"
            )
        ],
    )


def strangeness(seen: Evidence) -> float | None:
    """The share of the words in the policy's prompts that stand in no ranked prompt."""
    if not seen.rounds or not seen.rankings:
        return None
    known = {word for row in seen.rankings for word in WORD.findall(asked(row).casefold())}
    prompts = [one.prompt.casefold() for turn in seen.rounds for one in turn.answers]
    now = [word for prompt in prompts for word in WORD.findall(prompt)]
    return sum(word not in known for word in now) / max(1, len(now))


def distance(seen: Evidence) -> float | None:
    """How far the first round's score surely lies from the scores of held-out rankings, in their spreads.

    The round asks few prompts: two standard errors of a mean over so many are taken off. Answers of an earlier round's
    policy, which may be worse ones, are no measure where this round's own were ranked.
    """
    scores, said = seen.curve("score"), {one.text for one in seen.completions}
    own = [row for row in seen.held_out if said.issuperset(row.get("texts", [])) and said]
    known = [
        found
        for row in own or seen.held_out
        for one in row.get("scores", [])
        if (found := number(one)) is not None
    ]
    if not scores or not seen.rounds or len(known) < 2 or pstdev(known) <= SAME:
        return None
    asked_for = len({one.prompt for one in seen.rounds[0].answers})
    return max(0.0, abs(scores[0][1] - fmean(known)) / pstdev(known) - 2 / math.sqrt(asked_for))
