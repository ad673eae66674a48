"""Causes in what is rewarded: habits that a score has come to love, cut answers, a dead or foreign reward model."""

import re
from collections.abc import Callable
from statistics import fmean, pstdev, quantiles

from concord.monitoring.explain.evidence import Evidence, asked, number
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded, mean, third
from concord.monitoring.habits import HABITS, SAME, leaning

WORD = re.compile(r"\w+")
SIDES = {
    "length": ("longer", "shorter"),
    "format": ("more marked up", "plainer"),
    "repetition": ("more repetitive",) * 2,
}


def hacking(habit: str) -> Callable[[Evidence], Finding | None]:
    """The cause that a policy learns a habit which the score loves and people do not, or not so much."""

    def look(seen: Evidence) -> Finding | None:
        leans = seen.curve(f"lean.{habit}")
        if not leans or len(seen.rounds) < 2:
            return None
        lean, theirs = third(leans, last=True), people(seen, habit)
        sign = 1 if lean >= 0 or habit != "length" else -1
        moved, before, after = movement(seen, habit)
        excess = sign * lean - max(0.0, sign * (theirs or 0.0))
        more, less = SIDES[habit]
        first, last = seen.rounds[0], seen.rounds[-1]
        told = "people's rankings are not known" if theirs is None else f"people's rankings by {theirs:.2f}"
        return Finding(
            f"hacking by {habit}",
            min(graded(sign * moved, 0.4, 1.2), graded(excess, 0.3, 0.65)),
            f"Scores lean on {habit} far more than people do, and answers became {more if sign > 0 else less}.",
            [
                Sign(
                    f"scores follow {habit} by {lean:.2f} within a prompt; {told}",
                    seen.shown(seen.diary),
                    leans[-1][0],
                ),
                Sign(f"mean {habit} was {before:.2f} in round {first.number}", seen.shown(first.file)),
                Sign(
                    f"mean {habit} is {after:.2f} in round {last.number}: {excerpt(last.answers[0].text)}",
                    seen.shown(last.file),
                ),
            ],
            remedies(seen, habit),
        )

    return look


def remedies(seen: Evidence, habit: str) -> list[Change]:
    """What to change against a habit."""
    changes = []
    price, members = seen.setting("kl"), seen.recipe.reward.members.count if seen.recipe else None
    lengths = [len(one.text.split()) for one in seen.completions]
    if habit == "length" and len(lengths) > 1 and seen.setting("rollout.longest"):
        usual = quantiles(lengths, n=20)[-1]
        changes.append(
            Change(
                "the reward model",
                "rankings as they are",
                f"rankings in which the better is under {usual:.0f} words",
            )
        )
    if price is not None:
        changes.append(Change(seen.named("kl"), price, About(max(3 * price, 0.05))))
    if members:
        changes.append(Change("reward.members.count", members, max(4, members)))
    return changes


def people(seen: Evidence, habit: str) -> float | None:
    """How far those who ranked lean on a habit."""
    of, values, places, groups = HABITS[habit], [], [], []
    for number_, row in enumerate(seen.rankings or seen.held_out):
        texts = [
            one.get("text", "") if isinstance(one, dict) else str(one)
            for one in row.get("completions", row.get("texts", []))
        ]
        for tier, members in enumerate(row.get("tiers", [])):
            for place in members:
                values.append(of(str(texts[place])))
                places.append(-float(tier))
                groups.append(number_)
    return leaning(values, places, groups)


def movement(seen: Evidence, habit: str) -> tuple[float, float, float]:
    """How far a habit moved from the first rounds to the last, in spreads of the first; and both means."""
    of = HABITS[habit]
    size = max(1, len(seen.rounds) // 4)
    first = [of(one.text) for turn in seen.rounds[:size] for one in turn.answers]
    last = [of(one.text) for turn in seen.rounds[-size:] for one in turn.answers]
    spread = max(pstdev(first), 0.25)
    return (fmean(last) - fmean(first)) / spread, fmean(first), fmean(last)


def cut_off(seen: Evidence) -> Finding | None:
    """Answers cut off: they end because they must, so what is scored is not what the policy would say."""
    told = seen.curve("cut")
    if seen.rounds:
        told = [
            (turn.number, mean([float(one.finish == "length") for one in turn.answers]))
            for turn in seen.rounds
        ]
    if not told:
        return None
    share, longest = third(told, last=True), seen.setting("rollout.longest") or seen.setting("longest")
    example = next((one for turn in seen.rounds for one in turn.answers if one.finish == "length"), None)
    where = seen.shown(seen.rounds[-1].file) if seen.rounds else seen.shown(seen.diary)
    signs = [Sign(f"{share:.0%} of the answers were cut off after {longest} tokens", where)]
    if example:
        signs.append(Sign(f"such as: {excerpt(example.text)}", where))
    name = "rollout.longest" if seen.setting("rollout.longest") else "longest"
    return Finding(
        "answers cut off",
        graded(share, 0.2, 0.6),
        "Most answers never come to their end: the score judges stumps, and the policy never learns to stop.",
        signs,
        [Change(seen.named(name), longest, About(enough(seen, longest or 32)))],
    )


def enough(seen: Evidence, longest: int) -> float:
    """Tokens that would do for nearly all answers: judged by those that the supervised policy ended itself."""
    ended = [len(WORD.findall(one.text)) for one in seen.completions if one.finish == "stop"]
    return max(2 * longest, 1.5 * quantiles(ended, n=100)[-1]) if len(ended) > 1 else 4 * longest


def dead(seen: Evidence) -> Finding | None:
    """A dead reward: every answer scores the same."""
    spreads = seen.curve("score_spread")
    if not spreads:
        return None
    silent = [(step, value) for step, value in spreads if value <= SAME]
    share, score = len(silent) / len(spreads), seen.curve("score")
    step = silent[0][0] if silent else None
    return Finding(
        "dead reward",
        graded(share, 0.5, 0.9),
        "The score is one number for everything, so nothing is better than anything else.",
        [
            Sign(
                f"in {len(silent)} of {len(spreads)} rounds every answer scored {score[-1][1]:.4g}",
                seen.shown(seen.diary),
                step,
            )
        ],
        [
            Change(
                "reward.rate",
                seen.recipe.reward.rate if seen.recipe else "?",
                "a rate at which `reward/held_out.jsonl` is told apart",
            ),
            Change("the scorer", "a constant", "one that tells answers apart"),
        ],
    )


def foreign(seen: Evidence) -> Finding | None:
    """A reward model off its ground: what it is asked now is not what it has learned from."""
    scores, held = seen.curve("score"), seen.held_out
    known = [value for row in held for one in row.get("scores", []) if (value := number(one)) is not None]
    signs, score = [], 0.0
    if seen.rounds and seen.rankings:
        ranked = {word for row in seen.rankings for word in WORD.findall(asked(row).casefold())}
        now = [
            word
            for turn in seen.rounds
            for one in turn.answers
            for word in WORD.findall(one.prompt.casefold())
        ]
        strange = sum(word not in ranked for word in now) / max(1, len(now))
        score = graded(strange, 0.05, 0.15)
        signs.append(
            Sign(
                f"{strange:.0%} of the prompts' words stand in no ranked prompt",
                seen.shown(seen.rounds[0].file),
            )
        )
    if scores and len(known) > 1 and pstdev(known) > SAME:
        away = abs(scores[0][1] - fmean(known)) / pstdev(known)
        score = max(score, graded(away, 0.6, 1.5))
        signs.append(
            Sign(
                f"its scores begin {away:.2f} spreads away from those of held-out rankings",
                seen.shown(seen.diary),
                scores[0][0],
            )
        )
    if apart := seen.curve("disagreement"):
        signs.append(
            Sign(
                f"its members are {third(apart, last=True):.2f} spreads apart",
                seen.shown(seen.diary),
                apart[-1][0],
            )
        )
    if not signs:
        return None
    return Finding(
        "reward model off its ground",
        score,
        "The reward model scores prompts and answers unlike those that it learned from, where it knows nothing.",
        signs,
        [
            Change(
                "prompts",
                seen.recipe.prompts if seen.recipe else "?",
                "those that were ranked, or rank answers to these and redo `reward`",
            )
        ],
    )


def excerpt(text: str, most: int = 80) -> str:
    """The beginning of an answer, on one line."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= most else f'"{line[:most]} ..."'
