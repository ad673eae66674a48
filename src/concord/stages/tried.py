"""Trying any model with suites, whether or not a run made it: a folder, a run's policy, or an endpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from concord.endpoints import Chat
from concord.errors import ModelError, SettingsError
from concord.models import Policy, choose
from concord.roles import Scorer
from concord.runs import Run, load
from concord.sampling import Remote
from concord.settings import Endpoint
from concord.stages.bench import Bench
from concord.stages.contestants import BEST_OF, policies
from concord.stages.plan import bundled
from concord.stages.suites import seen, subject, told
from concord.suites import Subject, examine_all, suites

BUDGET = 4096
"""Most tokens that are read together."""


def try_model(
    named: str,
    asked: Sequence[str],
    temperature: float,
    longest: int,
    policy: str | None,
    model: str,
    key: str,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """What some suites find about a model; the suites are read before the model is loaded."""
    found = suites(asked)
    if named.startswith(("http://", "https://")):
        tried, name = elsewhere(named, model, key, temperature, longest, seed), model
    else:
        folder, name = place(named, policy)
        opinion = reward_model(Path(named), say)
        loaded = Policy.load(folder, choose("auto", "auto"))
        tried = subject(loaded, name, seed, temperature, longest, BUDGET, opinion, seen)
    return {"model": named, "policy": name, "suites": told(examine_all(found, tried, say))}


def reward_model(folder: Path, say: Callable[[str], None]) -> Scorer | None:
    """The opinion of a run's reward model, if it has made one."""
    if not (folder / "run.json").is_file() or not (folder / "reward").is_dir():
        return None
    return Bench(load(folder / "resolved.yaml"), Run(folder), "suites", say).scorer


def elsewhere(url: str, model: str, key: str, temperature: float, longest: int, seed: int) -> Subject:
    """A model behind an endpoint: it answers, and that is all."""
    if not model:
        raise SettingsError(f"{url} is an endpoint; name the model to ask for with --name.")
    try:
        endpoint = Endpoint(url=url, model=model, key=key, logprobs=False)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SettingsError(f"{url} cannot be asked: {reasons}. Give the address up to its /v1.") from None
    return Subject(Remote(Chat(endpoint), model, seed, temperature, longest), judge=seen)


def place(named: str, policy: str | None) -> tuple[Path, str]:
    """The folder of a model and its name: a bundled or a given one, or that of a run's policy."""
    folder = bundled() if named == "starter" else Path(named)
    if not (folder / "run.json").is_file():
        if policy:
            raise SettingsError(
                f"{named} is no run folder, so it has no policy `{policy}`. Leave --policy out."
            )
        return folder, Path(named).name
    loaded = load(folder / "resolved.yaml")
    tasks = policies(loaded)
    name = policy or loaded.recipe.align.method
    if name in tasks and name.startswith(BEST_OF):
        raise SettingsError(
            f"{name} of {folder} has no model of its own: it is sft, of whose answers a reward model chooses. Suites "
            "are put to a model alone; name sft."
        )
    if not tasks.get(name):
        made = ", ".join(one for one, task in tasks.items() if task and not one.startswith(BEST_OF))
        raise SettingsError(f"{folder} holds no model of a policy `{name}`. Its policies are {made}.")
    found = folder / tasks[name] / "model"
    if not found.is_dir():
        raise ModelError(
            f"{folder} has not made {name} yet: there is no {found}. Finish `{tasks[name]}` first."
        )
    return found, name
