"""Checks of what people say: signal, contradictions, overlap with the evaluation, personal data, leanings."""

from collections import Counter
from collections.abc import Iterator, Sequence

from concord.annotation.flags import pattern, position
from concord.annotation.outcomes import Given
from concord.batches import Template
from concord.evaluation.intervals import share
from concord.monitoring.contradictions import agreement, preferences
from concord.monitoring.overlap import overlap, plain
from concord.monitoring.personal import personal
from concord.monitoring.remark import Level, Remark
from concord.records import Demonstration, Prompt, Ranking
from concord.stages.doctor.brought import Brought
from concord.stages.inputs import asked, shown

EXAMPLES = 3
FEWEST = 20
"""Comparisons below which nothing is said of how somebody leans."""


def words(prompt: Prompt) -> str:
    """A prompt's text, turn by turn."""
    return "\n".join(turn.content for turn in prompt.messages)


def signal(brought: Brought) -> Iterator[Remark]:
    """Rankings that prefer nothing: all tied, the same words, or the same ids as far as the model reads."""
    template = brought.template
    for path, ranked in brought.rankings:
        silent: Counter[str] = Counter()
        examples: list[str] = []
        for one in ranked:
            why = without_signal(one, template, brought.context)
            if why:
                silent[why] += 1
                if len(examples) < EXAMPLES:
                    examples.append(f"{one.prompt.id}: {why}: {shown(one.prompt)}")
        if silent:
            told = ", ".join(f"{count:,} {why}" for why, count in silent.items())
            level: Level = "error" if silent.total() == len(ranked) else "warning"
            what = f"{silent.total():,} of {len(ranked):,} rankings hold comparisons without signal: {told}."
            yield Remark(level, "signal", str(path), what, "Leave them out or rank anew.", tuple(examples))


def without_signal(one: Ranking, template: Template | None, limit: int) -> str:
    """Why a ranking teaches nothing in at least one of its comparisons; empty if it teaches in all."""
    if len(one.tiers) < 2:
        return "all tied"
    texts = [said.text for said in one.completions]
    pairs = list(one.pairs())
    if any(texts[better] == texts[worse] for better, worse in pairs):
        return "equal texts"
    if any(plain(texts[better]) == plain(texts[worse]) for better, worse in pairs):
        return "equal but for case and spacing"
    if template is not None and any(len(text) > limit for text in texts):
        room = max(0, limit - len(template.prompt(one.prompt)))
        ids = [row[:room] for row in template.encode_all(texts)]
        if room and any(ids[better] == ids[worse] for better, worse in pairs):
            return "equal up to the context"
    return ""


def contradictions(brought: Brought) -> Iterator[Remark]:
    """Preferences that come twice, and those that come both ways."""
    for path, ranked in brought.rankings:
        found = agreement(
            pair
            for one in ranked
            for pair in preferences(
                words(one.prompt), [said.text for said in one.completions], one.tiers, one.by
            )
        )
        if found.again:
            what = f"{found.again:,} of {found.compared:,} comparisons stand in it more than once."
            yield Remark("note", "duplicates", str(path), what)
        if found.opposed:
            share_ = found.opposed / found.compared
            level: Level = "error" if found.turned > found.compared / 10 else "warning"
            what = (
                f"{found.opposed:,} of {found.compared:,} comparisons ({share_:.1%}) were made both ways, "
                f"{found.turned:,} of them by one and the same person."
            )
            examples = tuple(f"{one[:40]!r}: {a[:40]!r} and {b[:40]!r}" for one, a, b in found.examples)
            yield Remark(
                level,
                "contradictions",
                str(path),
                what,
                "Leave out what cannot both be, or rank anew.",
                examples,
            )


def leaks(brought: Brought) -> Iterator[Remark]:
    """Prompts that are judged on and also stand in what is learned from."""
    judged = [words(one) for one in brought.held_out]
    for path, found in brought.taught:
        both = overlap(judged, (words(asked(record)) for record in found))
        examples = tuple(f"{one[:60]!r} and {other[:60]!r}" for one, other in both.examples)
        if both.exact or both.plain:
            what = (
                f"{both.exact + both.plain:,} of {both.judged:,} held-out prompts also stand in {path}: "
                f"{both.exact:,} letter for letter, {both.plain:,} but for case and spacing; {both.near:,} more nearly."
            )
            yield Remark(
                "error",
                "overlap",
                str(brought.held_out_file),
                what,
                "Take them out of one of the two.",
                examples,
            )
        elif both.near:
            what = f"{both.near:,} of {both.judged:,} held-out prompts are nearly like some in {path}."
            yield Remark(
                "note",
                "overlap",
                str(brought.held_out_file),
                what,
                "See whether they ask the same.",
                examples,
            )


def persons(brought: Brought) -> Iterator[Remark]:
    """Personal data in prompts and answers."""
    for path, found in brought.taught:
        texts = ((asked(record).id, text) for record in found for text in texts_of(record))
        seen = personal(texts)
        if seen.kinds:
            told = ", ".join(f"{kind} in {count:,}" for kind, count in seen.kinds.most_common())
            what = f"of {seen.texts:,} texts: {told}."
            yield Remark(
                "warning",
                "personal data",
                str(path),
                what,
                "A policy may learn them by heart; mask them.",
                tuple(seen.examples),
            )


def texts_of(record: object) -> list[str]:
    """Every text of a record."""
    if isinstance(record, Demonstration):
        return [words(record.prompt), record.text]
    if isinstance(record, Ranking):
        return [words(record.prompt), *(one.text for one in record.completions)]
    return [words(asked(record))]


def leanings(brought: Brought) -> Iterator[Remark]:
    """Whether labels prefer long answers, and who ranks by place instead of by content."""
    for path, ranked in brought.rankings:
        longer = [(one.by, one.prompt.id, credit) for one in ranked for credit in by_length(one)]
        found = (
            share([credit for _, _, credit in longer], [prompt for _, prompt, _ in longer])
            if longer
            else None
        )
        if found and len(longer) >= FEWEST and found["value"] is not None and found["low"] is not None:
            value, low, high = found["value"], found["low"], found["high"] or 1.0
            leans = low > 0.5 or high < 0.5
            strong = abs(value - 0.5) > 0.15 and leans
            often = f"{value:.0%} of {len(longer):,} comparisons, interval {low:.0%} to {high:.0%}"
            what = f"the longer answer is preferred in {often}."
            do = "A reward model will learn that; rank pairs of like length, or mind `lean.length` while aligning."
            yield Remark(
                "warning" if strong else "note", "length bias", str(path), what, do if strong else ""
            )
        yield from about_people(str(path), ranked)


def by_length(one: Ranking) -> Iterator[float]:
    """For each comparison of answers of different length, 1 if the longer is preferred and else 0."""
    for better, worse in one.pairs():
        a, b = (len(one.completions[place].text.split()) for place in (better, worse))
        if a != b:
            yield float(a > b)


def about_people(where: str, ranked: Sequence[Ranking]) -> Iterator[Remark]:
    """Rankers who go by the place where an answer was shown."""
    by: dict[str, list[Given]] = {}
    for number, one in enumerate(ranked):
        if one.by:
            by.setdefault(one.by, []).append(Given(one.by, one, task=str(number)))
    for who, given in by.items():
        for flag in (*position(given, len(by)), *pattern(given, len(by))):
            yield Remark(
                "warning",
                "annotators",
                f"{where}, {who}",
                f"{flag.why}.",
                "Look at their rankings before they teach.",
            )
