"""Causes in what was learned from: contradictions, leaks, and what a narrow diet makes a policy forget."""

from collections.abc import Iterator

from concord.monitoring.contradictions import Preference, agreement, preferences
from concord.monitoring.explain.evidence import Evidence, Row, asked, excerpt, number
from concord.monitoring.explain.falls import LEVEL, wilson
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded
from concord.monitoring.overlap import overlap


def contradictory(seen: Evidence) -> Finding | None:
    """Contradictory data: the same two answers, once this way and once that."""
    if not seen.rankings:
        return None
    found = agreement(compared(seen))
    if not found.again:
        return None
    file = seen.shown(seen.folder("rank") / "rankings.jsonl")
    signs = [
        Sign(f"{found.opposed:,} of {found.compared:,} comparisons were also made the other way round", file),
        Sign(
            f"of {found.again:,} that were made more than once, {found.opposed / found.again:.0%} disagree",
            file,
        ),
    ]
    signs += [
        Sign(f"such as {excerpt(one)} and {excerpt(other)}", file) for _, one, other in found.examples[:1]
    ]
    return Finding(
        "contradictory data",
        min(
            graded(found.opposed / found.compared, 0.03, 0.15), graded(found.opposed / found.again, 0.45, 0.8)
        ),
        "Rankings contradict each other more than people who differ in taste do, so no score can follow them.",
        signs,
        [
            Change(
                "rank/rankings.jsonl", "both ways", "one verdict for each two answers: leave out or rank anew"
            )
        ],
    )


def compared(seen: Evidence) -> Iterator[Preference]:
    """The comparisons of all rankings of the run."""
    for row in seen.rankings:
        texts = [
            str(one.get("text", "")) if isinstance(one, dict) else str(one) for one in row["completions"]
        ]
        yield from preferences(asked(row), texts, row.get("tiers", []), str(row.get("by", "")))


def leaked(seen: Evidence) -> Finding | None:
    """Leaked data: what is judged on was learned from."""
    judged = seen.evaluated_on
    if not judged or seen.recipe is None:
        return None
    asked_for = seen.recipe
    sources = {name: seen.brought(name) for name in (asked_for.prompts, asked_for.sft.demonstrations)}
    sources["rank/rankings.jsonl"] = [asked(row) for row in seen.rankings]
    signs, worst = [], 0.0
    for name, texts in sources.items():
        found = overlap(judged, texts, near=None)
        both = found.exact + found.plain
        if both:
            worst = max(worst, both / len(judged))
            signs.append(Sign(f"{both:,} of {len(judged):,} prompts of the evaluation stand in {name}", name))
            signs += [Sign(f"such as {excerpt(one)}", name) for one, _ in found.examples[:1]]
    return Finding(
        "leaked data",
        max(0.5, graded(worst, 0.01, 0.1)) if signs else 0.0,
        "The policy is judged on prompts that it learned from, so the evaluation rewards learning by heart.",
        signs,
        [Change("evaluate.prompts", asked_for.evaluate.prompts, "prompts that stand in no other file")],
    )


def forgetting(seen: Evidence) -> Finding | None:
    """Forgetting: what the policy could do before has become more surprising to it."""
    looks = [
        found for one in seen.looks.get("looks", []) if (found := number(one.get("general"))) is not None
    ]
    kept = number(seen.looks.get("best", {}).get("general"))
    signs, score = [], 0.0
    if len(looks) > 1 and kept is not None and min(looks) > 0:
        rise = kept / min(looks) - 1
        score = graded(rise, 0.1, 0.5) if rise > 0 else 0.0
        what = f"general demonstrations surprise it by {kept:.3f} nats a token, {rise:.0%} more than at their least"
        signs.append(Sign(what, "sft/looks.json", int(seen.looks["best"]["step"])))
    lost = list(worse_kinds(seen))
    if lost:
        score = max(score, 0.6)
        signs.append(
            Sign(
                f"on {', '.join(lost)} it is clearly worse than the policy that it began as",
                "evaluate/report.json",
            )
        )
    if seen.recipe is None or not (signs or seen.report.get("comparisons")):
        return None
    asked_for = seen.recipe.sft
    fewer = Change("sft.epochs", asked_for.epochs, max(1, asked_for.epochs // 3))
    return Finding(
        "forgetting",
        score,
        "What was learned from is narrower than what the policy should keep, so the rest fades.",
        signs,
        [
            Change("sft.forget", asked_for.forget if asked_for.forget is not None else "none", About(0.1)),
            *([fewer] if fewer.to != fewer.now else []),
        ],
    )


def worse_kinds(seen: Evidence) -> Iterator[str]:
    """The kinds of request on which the base model clearly wins against the supervised policy, at every temperature.

    It does if Wilson's interval lies above a half; its level is divided by how many kinds are looked at.
    """
    won: dict[str, list[Row]] = {}
    for one in seen.report.get("comparisons", []):
        theirs = (one.get("a"), one.get("b"), one.get("split")) == ("base", "sft", None)
        if theirs and one.get("kind") and number(one.get("win_rate")) is not None and one.get("prompts"):
            won.setdefault(str(one["kind"]), []).append(one)
    for kind, found in won.items():
        lows = [
            wilson(one["win_rate"] * one["prompts"], one["prompts"], LEVEL / len(won))[0] for one in found
        ]
        if min(lows) > 0.5:
            yield kind
