"""Data files: what people bring is read line by line, checked to the last field, and written back whole."""

from concord.formats.reading import (
    Passage,
    read_completions,
    read_demonstrations,
    read_prompts,
    read_rankings,
    read_ratings,
    read_steps,
)
from concord.formats.rows import Rows
from concord.formats.table import FORMATS, Format, sniff
from concord.formats.writing import (
    LossReport,
    write_completions,
    write_demonstrations,
    write_prompts,
    write_rankings,
    write_ratings,
    write_steps,
)

__all__ = [
    "FORMATS",
    "Format",
    "LossReport",
    "Passage",
    "Rows",
    "read_completions",
    "read_demonstrations",
    "read_prompts",
    "read_rankings",
    "read_ratings",
    "read_steps",
    "sniff",
    "write_completions",
    "write_demonstrations",
    "write_prompts",
    "write_rankings",
    "write_ratings",
    "write_steps",
]
