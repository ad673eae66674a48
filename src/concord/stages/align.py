"""Stages align and rivals: the supervised policy becomes one that people prefer, under watch if the recipe asks so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from concord.algorithms import ALGORITHMS, Course
from concord.algorithms.looking import Onlooker, shown
from concord.algorithms.watched import Watched
from concord.errors import GateRefused, SettingsError
from concord.evaluation.reward_fit import fit
from concord.models import Policy
from concord.models.folder import context
from concord.records import Prompt, Ranking, digest
from concord.records.files import read_json
from concord.roles import Scorer
from concord.settings import SFT
from concord.settings.methods import WITHOUT_REWARD
from concord.stages.bench import Bench
from concord.stages.cards import NAME
from concord.stages.guidance import kept_back
from concord.stages.learn import learn
from concord.training import Alarms

BEGINNING = {"dpo"}
"""Methods whose reference is the policy before its first step, so that the bench is never asked for one."""


def work(bench: Bench, folder: Path, key: str, witness: Scorer | None = None) -> None:
    """Learn by the method that the recipe names for this stage; the witness looks on and teaches nobody."""
    _, _, rival = bench.stage.partition("/")
    settings = bench.recipe.rivals[rival] if rival else bench.recipe.align
    imitates = settings.method == "sft"
    bench.from_base = imitates
    if settings.method not in WITHOUT_REWARD:
        may_teach(bench)
    if settings.method in BEGINNING:
        bench.name_reference()
    if isinstance(settings, SFT) and not settings.epochs:
        bench.say("`epochs` is 0: no demonstration is read, and the base goes on as it is.")
        bench.policy.save(folder / "model")
        return
    onlooker = None if imitates or not bench.learning.watch.every else looking(bench, witness)
    course = ALGORITHMS[settings.method](settings, bench)
    learn(course if imitates else watched(course, settings, bench, folder, onlooker), bench, folder, key)
    bench.policy.save(folder / "model")


def may_teach(bench: Bench) -> None:
    """Refuse to learn by a reward model that misses a limit of `gate.reward`, as its card says."""
    path = bench.run.path("reward") / NAME
    if not path.is_file():
        bench.say("the reward model has no report card, for it was made before there were any.")
        return
    verdict = fit(read_json(path), bench.recipe.gate.reward)
    if not verdict["go"]:
        reasons = "\n".join(f"  {told}" for told in verdict["stopped_by"])
        raise GateRefused(
            f"The reward model in {path.parent} may not teach:\n{reasons}\n"
            "Rank more, or other answers, and learn it anew; or change the limit under `gate.reward`."
        )


def looking(bench: Bench, witness: Scorer | None) -> Onlooker:
    """Who looks, and at answers to which prompts: those are taken out of what is learned from."""
    asked = bench.learning.watch
    kept = watch_on(bench)
    bench.set_aside([prompt for prompt, _ in kept])
    bench.say(
        f"{len(kept)} prompts are set aside to watch the policy on, {asked.samples} answers each, every {asked.every} "
        f"rounds; of {sum(map(bool, (one for _, one in kept)))} of them rankings were kept back."
    )
    return Onlooker(
        bench.policy,
        bench.reference,
        bench.sampler("watch", asked.temperature, asked.longest),
        [prompt for prompt, _ in kept],
        asked.samples,
        asked.temperature,
        bench.learning.micro_tokens,
        bench.scorer,
        witness,
        [] if witness else [one for _, one in kept if one is not None],
    )


def watch_on(bench: Bench) -> list[tuple[Prompt, Ranking | None]]:
    """The prompts to watch, each with a ranking if it was kept back: those that no reward model saw go first."""
    count, prompts = bench.learning.watch.prompts, bench.prompts
    if count >= len(prompts):
        raise SettingsError(
            f"`learning.watch.prompts` is {count}, and the recipe has {len(prompts)} prompts: none would be left to "
            "learn on. Watch fewer, or bring more prompts."
        )
    _, kept = kept_back(bench)(bench.rankings)
    telling = {one.prompt.id: one for one in kept if len(one.tiers) > 1 and fits(one, bench.policy)}
    order = sorted(prompts, key=lambda prompt: (prompt.id not in telling, digest("watch", prompt.id)))
    return [(prompt, telling.get(prompt.id)) for prompt in order[:count]]


def fits(ranking: Ranking, policy: Policy) -> bool:
    """Whether the policy can read all of a ranking's answers."""
    rows = policy.template.completions(ranking.completions)
    return max(map(len, rows)) <= context(policy.network)


def watched(course: Course, settings: Any, bench: Bench, folder: Path, onlooker: Onlooker | None) -> Course:
    """The same course, ended by its watch if that finds a reason."""
    asked, by_round = bench.learning.watch, hasattr(settings, "rollout")

    def samples() -> Sequence[Mapping[str, Any]]:
        """What the policy said last, one answer to a prompt; else what it said at the last look."""
        said = {one.prompt.id: shown(one) for one in reversed(bench.said)}
        return list(said.values())[::-1] or (feed.looks[-1]["samples"] if feed.looks else [])

    alarms = Alarms(asked.alarms, lambda: course.feed.settled, samples, course.limits)
    rounds = settings.rollout.rounds if by_round else course.steps
    feed = Watched(course.feed, asked, alarms, folder, bench.say, rounds, by_round, onlooker)
    limits = {note: limit for note, limit in course.limits.items() if note not in alarms.handled()}
    kept = {**course.kept, "best": feed.best} if feed.best else course.kept
    return replace(course, feed=feed, tells=(*course.tells, feed), limits=limits, kept=kept)
