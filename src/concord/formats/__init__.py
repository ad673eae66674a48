"""Data files: what people bring is read line by line, checked to the last field, and written back whole."""

from concord.formats.caps import CAPS, Caps
from concord.formats.packing import Container
from concord.formats.reading import (
    Passage,
    read_completions,
    read_demonstrations,
    read_judgements,
    read_prompts,
    read_rankings,
    read_ratings,
    read_steps,
    recognise,
)
from concord.formats.rows import Rows
from concord.formats.shape import Format, Kind
from concord.formats.sniffing import Guess, sniff
from concord.formats.table import FORMATS
from concord.formats.writing import (
    LossReport,
    weigh,
    write,
    write_completions,
    write_demonstrations,
    write_judgements,
    write_prompts,
    write_rankings,
    write_ratings,
    write_steps,
)

__all__ = [
    "CAPS",
    "FORMATS",
    "Caps",
    "Container",
    "Format",
    "Guess",
    "Kind",
    "LossReport",
    "Passage",
    "Rows",
    "read_completions",
    "read_demonstrations",
    "read_judgements",
    "read_prompts",
    "read_rankings",
    "read_ratings",
    "read_steps",
    "recognise",
    "sniff",
    "weigh",
    "write",
    "write_completions",
    "write_demonstrations",
    "write_judgements",
    "write_prompts",
    "write_rankings",
    "write_ratings",
    "write_steps",
]
