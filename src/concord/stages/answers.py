"""Stage answers: one policy answers the held-out prompts, and judge and reward model say what they think."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from concord import formats
from concord.algorithms.experience import as_said, likelihood
from concord.endpoints import Chat
from concord.models import Policy, RewardModel
from concord.records import Completion, Prompt, digest, seed_of
from concord.records.files import write_rows
from concord.roles import Sampler, Scorer
from concord.sampling import InContext, Remote
from concord.scoring import Learned
from concord.stages.bench import Bench
from concord.stages.contestants import (
    BEST_OF,
    IN_CONTEXT,
    ai_judge,
    best_of,
    contestants,
    described,
    model_of,
    policies,
)
from concord.stages.independence import refuse_a_teacher
from concord.stages.plan import content
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
    policy, speaker = speaking(bench, name)
    examiner = Examiner(None if ai_judge(bench.loaded) else judge(bench), bench.scorer)
    plain = measured(bench, name, policy)
    rows = []
    for temperature in asked.temperatures:
        said = speaker("answers", temperature).sample(prompts, 1)
        drifts = drift(bench, plain, said) if plain and temperature == 1 else [None] * len(said)
        for row, kl in zip(examiner.rows(said), drifts, strict=True):
            rows.append({"policy": name, "temperature": temperature, **row, "kl": kl})
    write_rows(folder / "answers.jsonl", rows)
    more = CURVE_SAMPLES if name == "sft" else OWN_SAMPLES if name == bench.recipe.align.method else 0
    if more and asked.curve and examiner.judge:  # a judge that compares draws no curve of scores
        drawn = some(prompts, asked.curve)
        write_rows(
            folder / "many.jsonl", gathered(examiner.rows(speaker("many", 1.0).sample(drawn, more)), more)
        )


Speaker = Callable[[str, float], Sampler]
"""Who answers on an occasion at a temperature."""


def speaking(bench: Bench, name: str) -> tuple[Policy | None, Speaker]:
    """A policy or a contestant by its name: its network, if it is on this machine, and how it speaks."""
    asked, one = bench.recipe.evaluate, contestants(bench.loaded).get(name)
    if one is not None and one.endpoint is not None:
        chat = Chat(one.endpoint, bench.run.cache / f"contestant-{name}.jsonl")
        bench.facts["contestant"] = described(bench.loaded, one)

        def elsewhere(occasion: str, temperature: float) -> Sampler:
            return Remote(chat, name, seed_of(bench.seed, occasion, temperature), temperature, asked.longest)

        return None, elsewhere
    if one is not None:
        folder = model_of(bench.loaded, one)
        assert folder is not None, "a contestant without an endpoint has a folder"
        bench.facts["contestant"] = f"{described(bench.loaded, one)}, content {content(folder)[:16]}"
    else:
        folder = bench.model(policies(bench.loaded)[name])
    policy = Policy.load(folder, bench.compute)
    n = best_of(name)

    def here(occasion: str, temperature: float) -> Sampler:
        sampler = bench.speaker(policy, name, occasion, temperature, asked.longest, n)
        return taught(bench, sampler, policy) if name.startswith(IN_CONTEXT) else sampler

    return policy, here


def measured(bench: Bench, name: str, policy: Policy | None) -> Policy | None:
    """The policy, if its answers have a drift: they are drawn from it alone, in the supervised policy's token ids."""
    if policy is None or name.startswith((BEST_OF, IN_CONTEXT)):
        return None
    if name in contestants(bench.loaded) and not policy.template.same_ids(bench.reference.template):
        bench.say(f"{name} has other token ids than the supervised policy, so its drift is not measured.")
        return None
    return policy


def taught(bench: Bench, sampler: Sampler, policy: Policy) -> InContext:
    """The same sampler, shown demonstrations before each prompt."""
    asked = bench.recipe.evaluate
    demonstrations = list(bench.demonstrations(bench.recipe.sft.demonstrations))
    return InContext(
        sampler, policy, demonstrations, asked.in_context, asked.longest, asked.system, bench.say
    )


class Examiner:
    """The judge and the reward model, side by side; an AI judge has its say later, on answers two by two."""

    def __init__(self, judge: Scorer | None, proxy: Scorer) -> None:
        self.judge, self.proxy = judge, proxy

    def rows(self, said: Sequence[Completion]) -> list[dict[str, Any]]:
        """What is known of each answer."""
        gold = self.judge.score(said) if self.judge else [None] * len(said)
        proxy = self.proxy.score(said)
        return [
            {
                **({} if self.judge else {"won": {}}),
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
    """Who judges: never anything that a stage of this run has learned from, unless somebody accepts it by name."""
    named = bench.recipe.evaluate.judge
    if named == "starter":
        return GoldJudge()
    if accepted := refuse_a_teacher(bench.loaded, bench.run):
        bench.say(accepted)
    model = RewardModel.learned(bench.loaded.folder / str(named), bench.compute)
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
