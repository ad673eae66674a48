"""`concord make`: data out of templates and tables, out of a pool that a model grows, or chosen from what there is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from concord import formats
from concord.algorithms.stopping import surprises
from concord.batches import Rendered
from concord.errors import ModelError
from concord.making.choice import best_share
from concord.making.pool import Growth, grow
from concord.making.review import counts, reviewed
from concord.making.templates import expand, read_table, read_templates
from concord.models import Compute, Policy, RewardModel, choose
from concord.models.folder import context, weights_digest
from concord.records import Completion, Demonstration, Message, Prompt, prompt_key, seed_of
from concord.sampling import Local
from concord.scoring import Learned
from concord.stages.plan import bundled

MICRO_TOKENS = 4096
Say = Callable[[str], None]


def filled(template: Path, table: Path, out: Path, review: Path | None, accepted: bool) -> dict[str, Any]:
    """Fill templates with rows; what was rejected stays out, and with `accepted` whatever nobody accepted too."""
    templates = read_templates(template)
    made = expand(templates, read_table(table, templates))
    items, gone = reviewed(made.items, review) if review else (made.items, 0)
    kept = [one for one in items if one.verdict != "reject" and (one.verdict == "accept" or not accepted)]
    records = [one.record for one in kept]
    if templates[0].completion is None:
        formats.write_prompts(out, [one.prompt for one in records])
    else:
        formats.write_demonstrations(out, records)
    found = {"written": len(records), "faults": made.faults, "repeats": made.repeats}
    return found | ({**counts(items), "gone": gone} if review else {})


def pool(
    seeds: Path, model: Path | None, out: Path, growth: Growth, longest: int, temperature: float, say: Say
) -> dict[str, Any]:
    """Grow a pool of demonstrations; each attempt stands in the file beside it."""
    policy = Policy.load(model or bundled(), choose())
    if 3 * longest > context(policy.network):
        raise ModelError(
            f"Questions of {longest} tokens, some of them shown at once, do not fit into the model's context of "
            f"{context(policy.network)}. Give a smaller --longest, or a model with a longer context."
        )

    def speaks(occasion: int) -> Local:
        return Local(policy, "pool", seed_of(growth.seed, "pool", occasion), temperature, longest)

    record = out.with_suffix(".attempts.jsonl")
    speaker = {"model": weights_digest(policy.network), "temperature": temperature, "longest": longest}
    found = grow(formats.read_demonstrations(seeds).records, growth, speaks, record, say, speaker)
    formats.write_demonstrations(out, found.items)
    return {
        "written": len(found.items),
        "seeds": len(found.seeds),
        "attempts": dict(found.outcomes),
        "classes": dict(found.classes.most_common()) if growth.inverted else {},
        "record": str(record),
        "growth": asdict(growth),
    }


def choice(file: Path, model: Path | None, out: Path, share: float, by: str, say: Say) -> dict[str, Any]:
    """Keep a share of the demonstrations, by a measure of their worth and by what they add to each other."""
    records = list(formats.read_demonstrations(file).records)
    compute = choose()
    say(f"measures {len(records):,} demonstrations by {by}.")
    worth = WORTH[by](records, model or bundled(), compute)
    kept = best_share(records, worth, share)
    formats.write_demonstrations(out, kept)
    ids = {id(one): value for one, value in zip(records, worth, strict=True)}
    mean = sum(worth) / len(worth)
    return {
        "written": len(kept),
        "of": len(records),
        "by": by,
        "worth": mean,
        "kept_worth": sum(ids[id(one)] for one in kept) / len(kept),
    }


def rows_of(policy: Policy, records: Iterable[Demonstration]) -> list[Rendered]:
    """Demonstrations as ids, the last answer scored; one that is too long is an error that names it."""
    limit, rows = context(policy.network), []
    for one in records:
        row = policy.template.demonstration(one, every_turn=False)
        if len(row) > limit:
            raise ModelError(
                f"The demonstration of prompt {one.prompt.id} has {len(row)} tokens, and the model that is to judge it "
                f"reads {limit}. Use a model with a longer context, or take it out."
            )
        rows.append(row)
    return rows


def nats(policy: Policy, records: Iterable[Demonstration]) -> list[float]:
    """How surprised a policy is by each answer, in nats a token."""
    rows = rows_of(policy, records)
    return [
        value / sum(row.scored)
        for row, value in zip(rows, surprises(policy, rows, MICRO_TOKENS), strict=True)
    ]


def likelihood(records: Sequence[Demonstration], model: Path, compute: Compute) -> list[float]:
    """How likely a model finds each answer: the more surprising a token, the less it is worth."""
    return [-value for value in nats(Policy.load(model, compute), records)]


def difficulty(records: Sequence[Demonstration], model: Path, compute: Compute) -> list[float]:
    """How little a question helps a model with its answer; answers that it makes harder still come last.

    Surprise at the answer after the question, over surprise at the answer alone (Li et al. 2024,
    "instruction-following difficulty").
    """
    policy = Policy.load(model, compute)
    silence = (Message("user", ""),)
    alone = [Demonstration(Prompt(silence, prompt_key(silence)), one.text) for one in records]
    ratios = [asked / bare for asked, bare in zip(nats(policy, records), nats(policy, alone), strict=True)]
    return [ratio if ratio <= 1 else -ratio for ratio in ratios]


def score(records: Sequence[Demonstration], model: Path, compute: Compute) -> list[float]:
    """What a reward model says of each answer."""
    scorer = Learned(RewardModel.learned(model, compute), MICRO_TOKENS)
    return scorer.score([Completion(one.prompt, one.text, finish="stop") for one in records])


def coverage(records: Sequence[Demonstration], model: Path, compute: Compute) -> list[float]:
    """Nothing: each is worth the same, and what a record stands for decides alone."""
    return [1.0] * len(records)


WORTH: dict[str, Callable[[Sequence[Demonstration], Path, Compute], list[float]]] = {
    "coverage": coverage,
    "likelihood": likelihood,
    "difficulty": difficulty,
    "score": score,
}
"""What a demonstration is worth, by name."""
