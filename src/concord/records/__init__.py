"""The records that people and stages exchange: frozen, plain, without torch."""

from concord.records.guidance import MARKS, SOURCES, Judgement, Mark, Ranking, Rating, Source, StepLabels
from concord.records.keys import digest, prompt_key, seed_of
from concord.records.parting import parted, prompt_of
from concord.records.stream import Stream
from concord.records.text import (
    FINISHES,
    ROLES,
    Completion,
    Demonstration,
    Finish,
    Message,
    Prompt,
    Role,
)

__all__ = [
    "FINISHES",
    "MARKS",
    "ROLES",
    "SOURCES",
    "Completion",
    "Demonstration",
    "Finish",
    "Judgement",
    "Mark",
    "Message",
    "Prompt",
    "Ranking",
    "Rating",
    "Role",
    "Source",
    "StepLabels",
    "Stream",
    "digest",
    "parted",
    "prompt_key",
    "prompt_of",
    "seed_of",
]
