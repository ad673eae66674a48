"""Stage answers: one policy answers the held-out prompts, and judge and reward model say what they think."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from concord import formats
from concord.algorithms.experience import as_said, likelihood
from concord.models import Policy, RewardModel
from concord.records import Completion, Prompt, digest
from concord.records.files import write_rows
from concord.roles import Sampler, Scorer
from concord.sampling import InContext
from concord.scoring import Learned
from concord.stages.bench import Bench
from concord.stages.plan import IN_CONTEXT, policies
from concord.world import GoldJudge

CURVE_SAMPLES = 32
"""Answers to each prompt from which the best-of-n curve is drawn."""
OWN_SAMPLES = 4
"""Answers to each prompt on which the reward model is tried against the judge."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Answer at every temperature; the supervised policy and the candidate say a few things more."""
    name = bench.stage.removeprefix("answers/")
    asked = bench.recipe.evaluate
    prompts = bench.read(formats.read_prompts, bench.loaded.folder / asked.prompts)
    policy = Policy.load(bench.model(policies(bench.loaded)[name]), bench.compute)
    n = int(name.removeprefix("best-of-")) if name.startswith("best-of-") else 1
    examiner = Examiner(judge(bench), bench.scorer)
    rows = []
    for temperature in asked.temperatures:
        sampler = bench.speaker(policy, name, "answers", temperature, asked.longest, n)
        shown = name.startswith(IN_CONTEXT)
        if shown:
            sampler = taught(bench, sampler, policy)
        said = sampler.sample(prompts, 1)
        plain = temperature == 1 and n == 1 and not shown
        drifts = drift(bench, policy, said) if plain else [None] * len(said)
        for row, kl in zip(examiner.rows(said), drifts, strict=True):
            rows.append({"policy": name, "temperature": temperature, **row, "kl": kl})
    write_rows(folder / "answers.jsonl", rows)
    more = CURVE_SAMPLES if name == "sft" else OWN_SAMPLES if name == bench.recipe.align.method else 0
    if more and asked.curve:
        drawn = some(prompts, asked.curve)
        said = bench.speaker(policy, name, "many", 1.0, asked.longest).sample(drawn, more)
        write_rows(folder / "many.jsonl", gathered(examiner.rows(said), more))


def taught(bench: Bench, sampler: Sampler, policy: Policy) -> InContext:
    """The same sampler, shown demonstrations before each prompt."""
    asked = bench.recipe.evaluate
    demonstrations = list(bench.demonstrations(bench.recipe.sft.demonstrations))
    return InContext(
        sampler, policy, demonstrations, asked.in_context, asked.longest, asked.system, bench.say
    )


class Examiner:
    """The gold judge and the reward model, side by side."""

    def __init__(self, judge: Scorer, proxy: Scorer) -> None:
        self.judge, self.proxy = judge, proxy

    def rows(self, said: Sequence[Completion]) -> list[dict[str, Any]]:
        """What is known of each answer."""
        gold, proxy = self.judge.score(said), self.proxy.score(said)
        return [
            {
                "split": tag(one.prompt, 1),
                "kind": tag(one.prompt, 0),
                "prompt_id": one.prompt.id,
                "prompt": one.prompt.messages[-1].content,
                "text": one.text,
                "gold": judged,
                "proxy": scored,
                "finish": one.finish,
                "logprob": fmean(one.logprobs) if one.logprobs else None,
                "words": len(one.text.split()),
                "marks": self.marks(one),
            }
            for one, judged, scored in zip(said, gold, proxy, strict=True)
        ]

    def marks(self, one: Completion) -> dict[str, bool]:
        """What else the starter world's judge sees; another judge gives scores alone."""
        if not isinstance(self.judge, GoldJudge):
            return {}
        seen = self.judge.verdict(one)
        return {"ok": seen.ok, "refused": seen.refused, "unsafe": seen.unsafe, "garbled": seen.garbled}


def judge(bench: Bench) -> Scorer:
    """Who judges: never anything that a stage of this run has learned from."""
    named = bench.recipe.evaluate.judge
    if named == "starter":
        return GoldJudge()
    model = RewardModel.load(bench.loaded.folder / named, bench.compute)
    return Learned(model, bench.learning.micro_tokens)


def tag(prompt: Prompt, place: int) -> str | None:
    """A prompt's kind (its first tag) or split (its second), if it has them."""
    return prompt.tags[place] if len(prompt.tags) > place else None


def drift(bench: Bench, policy: Policy, said: Sequence[Completion]) -> list[float]:
    """Nats by which each answer is likelier under the policy than under the supervised one."""
    rows = as_said(said, policy)
    budget = bench.learning.micro_tokens
    gap = likelihood(policy, rows, 1.0, budget) - likelihood(bench.reference, rows, 1.0, budget)
    found: list[float] = gap.sum(-1).tolist()
    return found


def some(prompts: Sequence[Prompt], count: int) -> list[Prompt]:
    """So many of the prompts, drawn by their names: whatever order the file has, no kind is favoured."""
    return sorted(prompts, key=lambda prompt: digest("some", prompt.id))[:count]


def gathered(rows: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """A row a prompt: all its answers with both opinions."""
    sets = []
    for start in range(0, len(rows), size):
        group = rows[start : start + size]
        first = {name: group[0][name] for name in ("prompt_id", "kind", "split")}
        opinions = {"proxy": [one["proxy"] for one in group], "gold": [one["gold"] for one in group]}
        sets.append({**first, **opinions, "texts": [one["text"] for one in group]})
    return sets
