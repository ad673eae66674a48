"""Who stands in the comparison: the run's own policies, models from elsewhere, and who meets whom; no torch here."""

from collections.abc import Sequence
from pathlib import Path

from concord.errors import SettingsError
from concord.runs import Loaded
from concord.settings import Contestant, Examining, Method
from concord.settings.comparing import REFERENCES

IN_CONTEXT = "in-context-"
"""How the policy is called that is shown demonstrations and learns nothing."""

BEST_OF = "best-of-"
"""How the policies are called that give the best of several answers of the supervised one; how many follows."""


def policies(loaded: Loaded) -> dict[str, str]:
    """Every policy that will be judged, by name, and the task whose folder holds it."""
    recipe = loaded.recipe
    found = {"base": "", "sft": "sft", recipe.align.method: "align"}
    if recipe.align.method == "sft":
        raise SettingsError(
            f"{loaded.source}: `align.method` is sft, which is what the sft stage does. "
            "Choose a method that goes on from there, such as ppo, grpo or dpo."
        )
    for name in rivals(loaded):
        if name in found or name.startswith((BEST_OF, IN_CONTEXT)):
            raise SettingsError(
                f"{loaded.source}: the rival {name} has the name of another policy. "
                f"Call it otherwise, such as {name}-2."
            )
        found[name] = f"rivals/{name}"
    for n in recipe.evaluate.best_of:
        found[f"{BEST_OF}{n}"] = "sft"
    if recipe.evaluate.in_context:
        found[f"{IN_CONTEXT}{recipe.evaluate.in_context}"] = ""
    for name in contestants(loaded):
        if name in found or name.startswith((BEST_OF, IN_CONTEXT)):
            raise SettingsError(
                f"{loaded.source}: the contestant {name} has the name of a policy of this run. Call it otherwise."
            )
    return found


def best_of(name: str) -> int:
    """Of how many answers a policy gives the best: of one, if it is none of those."""
    return int(name.removeprefix(BEST_OF)) if name.startswith(BEST_OF) else 1


def rivals(loaded: Loaded) -> dict[str, Method]:
    """The rivals by name; one that is the candidate in all its settings is not made twice."""
    align = loaded.recipe.align
    return {
        name: rival
        for name, rival in loaded.recipe.rivals.items()
        if not (name == align.method and rival == align)
    }


def everyone(loaded: Loaded) -> list[str]:
    """All who answer, the run's own policies first."""
    return [*policies(loaded), *contestants(loaded)]


def ai_judge(loaded: Loaded) -> Examining | None:
    """The AI judge that compares answers two by two, if the recipe names one; others give each answer a score."""
    judge = loaded.recipe.evaluate.judge
    return judge if isinstance(judge, Examining) else None


def opponents(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Whom each policy meets before a judge that compares: the references that take part, each two of them once."""
    present = [name for name in REFERENCES if name in names]
    found = {}
    for name in names:
        before = present[: present.index(name)] if name in present else present
        if before:
            found[name] = tuple(before)
    return found


def contestants(loaded: Loaded) -> dict[str, Contestant]:
    """The contestants by name."""
    return dict(loaded.recipe.evaluate.contestants)


def model_of(loaded: Loaded, contestant: Contestant) -> Path | None:
    """The folder of a contestant's model; None if it answers elsewhere."""
    if contestant.run is not None:
        return loaded.folder / contestant.run / contestant.policy / "model"
    return loaded.folder / contestant.folder if contestant.folder is not None else None


def described(loaded: Loaded, contestant: Contestant) -> str:
    """Where a contestant comes from, in words."""
    if contestant.endpoint is not None:
        return f"{contestant.endpoint.model} at {contestant.endpoint.url}"
    return str(model_of(loaded, contestant))
