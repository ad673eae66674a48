"""Every error that Concord raises on purpose, drawn as one tree.

    ConcordError              exit 1
    +- SettingsError          exit 2   a recipe or an override asks for something that cannot be
    +- RecordError            exit 3   a data file holds a row that cannot be read (file:line, field)
    +- ModelError             exit 4   a model folder or tokenizer is missing, broken or unsafe
    +- TrainingError          exit 5   learning cannot go on
    |  +- Diverged            exit 5   ... because a loss, gradient, reward or KL left its bounds
    +- GateRefused            exit 6   the gate says no-go; its reasons are the message
    +- JudgeError             exit 7   a judge or ranker gave no usable answer
    +- StoreError             exit 8   a folder cannot be used: locked, full, read-only, damaged
    +- EndpointError          exit 9   an endpoint elsewhere cannot be reached, or answers what cannot be used

A message says what and where with the value, why it matters if that is not plain, and what to do.
The command line prints the message alone; an error outside this tree is a bug and keeps its traceback.
"""


class ConcordError(Exception):
    """Anything that Concord can explain to the person who runs it."""

    exit_code = 1


class SettingsError(ConcordError):
    """A recipe or an override asks for something that does not exist or cannot be."""

    exit_code = 2


class RecordError(ConcordError):
    """A data file holds rows that cannot be read; each is named by file, line and field."""

    exit_code = 3


class ModelError(ConcordError):
    """A model folder or its tokenizer is missing, broken or unsafe to load."""

    exit_code = 4


class TrainingError(ConcordError):
    """Learning cannot go on."""

    exit_code = 5


class Diverged(TrainingError):
    """Learning left its bounds: a loss, gradient, reward or KL is not finite or too large."""


class GateRefused(ConcordError):
    """The gate says no-go; the reasons are in the message."""

    exit_code = 6


class JudgeError(ConcordError):
    """A judge or ranker gave no usable answer; that is never a score."""

    exit_code = 7


class StoreError(ConcordError):
    """A folder cannot be used: locked by another run, full, read-only or damaged."""

    exit_code = 8


class EndpointError(ConcordError):
    """An endpoint elsewhere cannot be reached, or answers what cannot be used; the message names it."""

    exit_code = 9
