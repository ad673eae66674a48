"""Every method, in one explicit table: each is a feed and an objective, made ready by its `build`."""

from concord.algorithms import group, ppo, preference, reinforce, rejection, remax, sft
from concord.algorithms.course import Bench, Build, Course

ALGORITHMS: dict[str, Build] = {
    "sft": sft.build,
    "ppo": ppo.build,
    "grpo": group.build,
    "rloo": group.build,
    "reinforce-pp": reinforce.build,
    "remax": remax.build,
    "dpo": preference.build,
    "rejection": rejection.build,
}

__all__ = ["ALGORITHMS", "Bench", "Build", "Course"]
