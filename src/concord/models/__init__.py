"""Networks and their folders: policy, reward model, critic."""

from concord.models.compute import Compute, choose
from concord.models.critic import Critic
from concord.models.doctor import doctor
from concord.models.policy import Policy
from concord.models.reward import RewardModel

__all__ = ["Compute", "Critic", "Policy", "RewardModel", "choose", "doctor"]
