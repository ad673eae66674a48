"""Who watches while a policy learns: a judge that nothing of the run has learned from, handed in as a plain scorer."""

from pathlib import Path

from concord.errors import SettingsError
from concord.models import RewardModel
from concord.models.folder import weights_digest
from concord.roles import Scorer
from concord.scoring import Learned
from concord.stages import align, opinion
from concord.stages.bench import Bench
from concord.world import GoldJudge


def work(bench: Bench, folder: Path, key: str) -> None:
    """Stages align and rivals, with whom the recipe names to look on."""
    align.work(bench, folder, key, witness(bench))


def witness(bench: Bench) -> Scorer | None:
    """The judge of the watch, if the recipe names one; never a reward model that trains."""
    named = bench.learning.watch.judge
    if named is None:
        return None
    if named == "starter":
        return GoldJudge()
    model = RewardModel.learned(bench.loaded.folder / named, bench.compute)
    ours = weights_digest(model.network)
    for place in taught(bench):
        if weights_digest(RewardModel.load(place, bench.compute).network) == ours:
            raise SettingsError(
                f"{bench.loaded.source}: `learning.watch.judge` is {named}, which has the same weights as {place}, "
                "the reward model that this policy learns to please: it would see no fall. Name a reward model that "
                "nothing of this run has learned from, or none to be warned by alarms alone."
            )
    model.network.requires_grad_(False)
    return Learned(model, bench.learning.micro_tokens)


def taught(bench: Bench) -> list[Path]:
    """The folders of all reward models that teach in this run: its own, and one that ranks."""
    own = bench.run.path("reward")
    found = [own / folder for _, folder in opinion.models(opinion.described(own))]
    rank = bench.recipe.rank
    return [*found, bench.loaded.folder / rank.scorer] if rank.by == "scorer" and rank.scorer else found
