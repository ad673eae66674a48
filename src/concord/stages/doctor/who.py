"""Whom a recipe needs: models that must be there and be of a family that serves, and judges who know the prompts."""

from collections.abc import Iterator, Sequence

from concord.errors import JudgeError, ModelError, SettingsError
from concord.models.folder import unscored
from concord.monitoring.remark import Remark
from concord.records import Prompt
from concord.stages.doctor.brought import Brought
from concord.stages.inputs import EXAMPLES, Seen, of_milford, shown
from concord.stages.named import models, refuse_missing
from concord.stages.plan import plan
from concord.stages.seats import refuse_unready_judges
from concord.world import known


def folders(brought: Brought) -> Iterator[Remark]:
    """Models that are not there; a base of which no reward model can be made, where one shall be."""
    loaded = brought.loaded
    for setting, named, _ in models(loaded, True, set()):
        try:
            refuse_missing(loaded, setting, named)
        except ModelError as error:
            yield Remark("error", "model", setting, str(error))
    if brought.config and any(task.name == "reward" for task in plan(loaded)):
        try:
            why = unscored(brought.model)
        except ModelError as error:
            why = str(error)
        if why:
            yield Remark("error", "model", "base", why)


def judges(brought: Brought) -> Iterator[Remark]:
    """Prompts that are not of the starter world, where its people or its judge are asked; judges without their key."""
    try:
        refuse_unready_judges(brought.loaded, True, True)
    except (JudgeError, SettingsError) as error:
        yield Remark("error", "judge", str(brought.loaded.source), str(error))
    files = [*brought.all_of("prompts"), (brought.held_out_file, brought.held_out)]
    for path, prompts in files:
        try:
            of_milford(brought.loaded, path, met(prompts), True, True)
        except JudgeError as error:
            what, *examples = str(error).removeprefix(f"{path}: ").split("\n  ")
            yield Remark("error", "judge", str(path), what, examples=tuple(examples))


def met(prompts: Sequence[Prompt]) -> Seen:
    """What there is to say of prompts and the starter world."""
    strange = [one for one in prompts if not known(one)]
    return Seen(len(prompts), strange=len(strange), examples=[shown(one) for one in strange[:EXAMPLES]])
