"""Checks of how records become token ids: what fits, what ends, and whether it is served as it was learned."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from concord.batches import Rendered, Template
from concord.models.exactness import rendering
from concord.monitoring.remark import Level, Remark
from concord.records import Completion, Demonstration, Message, Prompt
from concord.stages.doctor.brought import Brought
from concord.stages.inputs import shown

EXAMPLES = 3


def lengths(brought: Brought) -> Iterator[Remark]:
    """Rows that do not fit, and answers that could not be said within the longest that is asked for."""
    template, longest = brought.template, brought.loaded.recipe.sample.longest
    if template is None:
        return
    for path, found in brought.demonstrations:
        some, rows = brought.learned(path, found)
        yield from counted(brought, path, [len(row) for row in rows], [one.prompt.id for one in some])
        before = template.prompts([one.prompt for one in some])
        said = [len(row) - len(ids) for row, ids in zip(rows, before, strict=True)]
        yield from cut("sample.longest", longest, str(path), said, some)
    for path, ranked in brought.rankings:
        flat = [said for one in brought.some(path, ranked) for said in one.completions]
        sizes = [len(row) for row in template.completions(flat)]
        yield from counted(brought, path, sizes, [one.prompt.id for one in flat])


def room(brought: Brought) -> Iterator[Remark]:
    """Prompts after which the context has no room for the longest answer."""
    template, recipe = brought.template, brought.loaded.recipe
    if template is None:
        return
    longest = max(recipe.sample.longest, recipe.evaluate.longest, rolled(brought))
    for path, prompts in [*brought.all_of("prompts"), (brought.held_out_file, brought.held_out)]:
        some = brought.some(path, prompts)
        ids = [len(one) for one in template.prompts(some)]
        tight = [(n, one) for n, one in zip(ids, some, strict=True) if n + longest > brought.context]
        if tight:
            many = f"{len(tight):,} of {len(ids):,} prompts"
            what = (
                f"{many} leave less than {longest} tokens of the context of {brought.context} for an answer."
            )
            examples = tuple(f"{one.id}: {n} tokens, {shown(one)}" for n, one in tight[:EXAMPLES])
            level: Level = "error" if any(n >= brought.context for n, _ in tight) else "warning"
            yield Remark(level, "lengths", str(path), what, "Shorten them or lower `longest`.", examples)


def counted(brought: Brought, path: Path, lengths: Sequence[int], names: Sequence[str]) -> Iterator[Remark]:
    """How long rows are in tokens, and which of them do not fit."""
    limit = brought.context
    long = [(length, name) for length, name in zip(lengths, names, strict=True) if length > limit]
    if lengths:
        usual = f"median {median(lengths):.0f}, 95 % at most {percentile(lengths)}, longest {max(lengths)}"
        kept = f"{len(lengths) - len(long):,} of {len(lengths):,} rows fit into {limit} tokens"
        yield Remark("note", "lengths", str(path), f"{kept}; {usual}.")
    if long:
        worst = tuple(f"{name}: {length} tokens" for length, name in sorted(long, reverse=True)[:EXAMPLES])
        level: Level = "error" if len(long) == len(lengths) else "warning"
        many = f"{len(long):,} of {len(lengths):,} rows"
        what = f"{many} are longer than the context of {limit} tokens and will be left out."
        do = "Shorten them, or use a model with a longer context."
        yield Remark(level, "lengths", str(path), what, do, worst)


def percentile(lengths: Sequence[int]) -> int:
    """What 95 % of some lengths do not pass."""
    return round(quantiles(lengths, n=20)[-1]) if len(lengths) > 1 else lengths[0]


def rolled(brought: Brought) -> int:
    """The most tokens that an answer may have while the policy learns."""
    align = brought.loaded.recipe.align
    found = getattr(getattr(align, "rollout", align), "longest", 0)
    return int(found)


def cut(
    setting: str, longest: int, where: str, said: Sequence[int], records: Sequence[Demonstration]
) -> Iterator[Remark]:
    """Demonstrations that the policy could never say whole when it is sampled."""
    long = [(n, one) for n, one in zip(said, records, strict=True) if n > longest]
    if long:
        examples = tuple(f"{one.prompt.id}: {n} tokens, {one.text[:60]!r}" for n, one in long[:EXAMPLES])
        many = f"{len(long):,} of {len(said):,} demonstrated answers"
        what = f"{many} are longer than `{setting}` = {longest}: such answers are cut off."
        yield Remark("warning", "lengths", where, what, f"Raise it to {percentile(said)} or more.", examples)


def endings(brought: Brought) -> Iterator[Remark]:
    """Spans that are learned and do not end: whoever learns them does not learn to stop."""
    template = brought.template
    if template is None:
        return
    for path, found in brought.demonstrations:
        some, rows = brought.learned(path, found)
        open_ = [one.prompt for one, row in zip(some, rows, strict=True) if unended(row, template)]
        yield from endless(str(path), len(open_), len(rows), open_)
    for path, ranked in brought.rankings:
        said = [one for ranking in ranked for one in ranking.completions]
        stumps = [one for one in said if one.finish == "length"]
        yield from endless(str(path), len(stumps), len(said), [one.prompt for one in stumps])


def endless(where: str, count: int, of: int, prompts: Sequence[Prompt]) -> Iterator[Remark]:
    """What to say of spans without an end."""
    if count:
        level: Level = "error" if count > of / 2 else "warning"
        examples = tuple(f"{one.id}: {shown(one)}" for one in prompts[:EXAMPLES])
        what = f"{count:,} of {of:,} answers that are learned have no token that ends them."
        do = "Give the template an end after each turn, or raise `longest` so that answers are not cut."
        yield Remark(level, "terminators", where, what, do, examples)


def unended(row: Rendered, template: Template) -> bool:
    """Whether a span that bears loss ends in a token that stops nothing."""
    last = [
        place
        for place, mark in enumerate(row.scored)
        if mark and not (row.scored[place + 1 : place + 2] or [False])[0]
    ]
    return any(row.tokens[place] not in template.stops.tokens for place in last)


def round_trip(brought: Brought) -> Iterator[Remark]:
    """Text becomes ids and back; what is learned is what will be served."""
    template = brought.template
    if template is None:
        return
    for check in rendering(template):
        if check.skipped:
            yield Remark("warning", "template", str(brought.model), check.skipped, "Set `sft.turns` to last.")
        elif check.verdict == "fail":
            what = f"{check.name} fails: {check.fault}."
            yield Remark(
                "error", "template", str(brought.model), what, "Mend the tokenizer or its chat template."
            )
    for path, found in brought.demonstrations:
        some = brought.some(path, found)
        wrong = [one for one in some if unlike(template, one)]
        if wrong:
            what = (
                f"{len(wrong):,} of {len(some):,} answers are served as other ids than they were learned as."
            )
            examples = tuple(f"{one.prompt.id}: {one.text[:60]!r}" for one in wrong[:EXAMPLES])
            do = "The template changes answers (such as their spaces); mend it or the answers."
            yield Remark("error", "template", str(path), what, do, examples)


def unlike(template: Template, one: Demonstration) -> bool:
    """Whether a served dialogue, rendered whole, begins otherwise than the row that was learned."""
    row = template.demonstration(one, every_turn=False)
    after = Prompt((*one.prompt.messages, Message("assistant", one.text), Message("user", "a")))
    served = template.prompt(after)
    said = Completion(one.prompt, one.text, finish="stop")
    return served[: len(row.tokens)] != row.tokens or template.decode(template.said(said)) != one.text
