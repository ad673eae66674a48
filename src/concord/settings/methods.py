"""The methods that may make a policy, told apart by `method`."""

from typing import Annotated

from pydantic import Field

from concord.settings.direct import CPO, DPO, KTO, ORPO, OnlineDPO, SimPO
from concord.settings.imitation import SFT, Distill, Rejection
from concord.settings.speaking import GRPO, PPO, RLOO, Reinforce, ReMax

WITHOUT_REWARD = frozenset({"cpo", "distill", "dpo", "kto", "orpo", "sft", "simpo"})
"""Methods that read no reward model, so that none can stop them, nor lead them astray."""

Method = Annotated[
    PPO
    | GRPO
    | RLOO
    | Reinforce
    | ReMax
    | DPO
    | OnlineDPO
    | KTO
    | SimPO
    | CPO
    | ORPO
    | Rejection
    | Distill
    | SFT,
    Field(discriminator="method"),
]
