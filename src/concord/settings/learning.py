"""Settings of the computing behind everything that learns."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price, Share
from concord.settings.watching import Watch


class Learning(Settings):
    """How every stage that learns does so: where, in what precision, with what optimiser."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `concord doctor` says what auto chooses and why."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the matrix products; weights and optimiser stay in float32."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Processor threads of a stage; 0 shares the cores among the stages that run side by side."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Stages that may run side by side; 0 means two where there are two cores and no GPU."""
    micro_tokens: Count = 4096
    """Most tokens in one forward pass; a step is cut into such parts."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the learning rate falls to 0 after the warm-up."""
    warmup: Share = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: Price = 0.0
    """Pull of the weight matrices toward 0."""
    clip_norm: Positive = 1.0
    """Most length of a network's gradient."""
    checkpoint_seconds: Price = 20.0
    """Time between two checkpoints; 0 takes one wherever one can be taken."""
    adapter: Annotated[int, Field(ge=0)] = 0
    """Rank of LoRA adapters to learn instead of the whole network; 0 learns the whole network."""
    watch: Watch = Watch()
    """What is looked at while a policy learns from preferences, and when learning stops by itself."""
