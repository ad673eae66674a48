"""The methods that may make a policy, told apart by `method`."""

from typing import Annotated

from pydantic import Field

from concord.settings.direct import DPO
from concord.settings.imitation import SFT, Rejection
from concord.settings.speaking import GRPO, PPO, RLOO, Reinforce, ReMax

Method = Annotated[
    PPO | GRPO | RLOO | Reinforce | ReMax | DPO | Rejection | SFT, Field(discriminator="method")
]
