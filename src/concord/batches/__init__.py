"""From records to tensors: one template, one way of packing rows, one order of reading."""

from concord.batches.kinds import Experience, Lists, Rollout, Sequences, pack
from concord.batches.template import Rendered, StopSet, Template

__all__ = ["Experience", "Lists", "Rendered", "Rollout", "Sequences", "StopSet", "Template", "pack"]
