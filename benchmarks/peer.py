"""A peer's process: `python -m benchmarks.peer SPEC`, run by the peer's own interpreter."""

import sys

from benchmarks import generation, spec, trl_fixed, trl_online
from benchmarks.turns import Turns

STAGES = {
    "sft": trl_fixed.run,
    "reward": trl_fixed.run,
    "reward-list": trl_fixed.run,
    "dpo": trl_fixed.run,
    "rollout": generation.run,
    "grpo": trl_online.grpo,
    "ppo": trl_online.ppo,
}

if __name__ == "__main__":
    asked = spec.read(sys.argv[1])
    turns = Turns()
    import torch

    torch.set_num_threads(asked.threads)
    STAGES[asked.stage](asked, turns)
