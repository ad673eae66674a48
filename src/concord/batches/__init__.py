"""From records to tensors: one template, one way of putting rows side by side, one order of reading."""

from concord.batches.kinds import Experience, Lists, Rollout, Sequences, pack
from concord.batches.template import Rendered, StopSet, Template

__all__ = ["Experience", "Lists", "Rendered", "Rollout", "Sequences", "StopSet", "Template", "pack"]
