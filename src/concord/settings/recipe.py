"""The recipe: everything that a run is asked to do, in one frozen value."""

from typing import Annotated

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.imitation import SFT
from concord.settings.learning import Learning
from concord.settings.methods import Method
from concord.settings.rewards import Reward
from concord.settings.speaking import PPO
from concord.settings.stages import Evaluate, Gate, Rank, Sample

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Recipe(Settings):
    """What to align, with whose guidance, by which method, and what counts as success."""

    base: str = "starter"
    """Model to begin with: `starter` for the bundled one, or any Hugging Face causal model folder."""
    seed: int = 0
    """Everything random in the run follows from it."""
    prompts: str = "data/prompts.jsonl"
    """File of prompts to sample, rank and align on, relative to the recipe."""
    sft: SFT = SFT()
    """Imitate demonstrations."""
    sample: Sample = Sample()
    """Several answers to each prompt."""
    rank: Rank = Rank()
    """Who ranks them."""
    reward: Reward = Reward()
    """Learn what people prefer."""
    align: Method = PPO()
    """The method that makes the candidate policy."""
    rivals: dict[Name, Method] = {}
    """Other ways to spend the same guidance, judged beside the candidate."""
    evaluate: Evaluate = Evaluate()
    """Compare all policies on held-out prompts."""
    gate: Gate = Gate()
    """Go or no-go."""
    learning: Learning = Learning()
    """Where and how to compute."""
