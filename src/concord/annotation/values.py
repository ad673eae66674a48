"""The kinds of values that pages and server exchange: each closed, and each with its bound."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from concord.records.text import storable

MOST_CANDIDATES = 9
"""A digit of the keyboard stands for each."""
LONGEST_COMMENT, LONGEST_TEXT, LONGEST_FILE = 10_000, 100_000, 48 * 2**20
A_DAY = 86_400.0


class Closed(BaseModel):
    """A closed set of fields: an unknown one is an error, and nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def said(text: str) -> str:
    """The same text, if it says something."""
    if not text.strip():
        raise ValueError("it may not be empty")
    return text


Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(storable)]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT), AfterValidator(storable)]
Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(storable), AfterValidator(said)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Handle = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""What a person calls a task or a lease: it says nothing to anybody else."""
CandidateId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Key = UUID
Secret = Annotated[str, Field(min_length=1, max_length=200)]
Serial = Annotated[StrictInt, Field(ge=1, le=2**53)]
Number = Annotated[int, Field(ge=1, le=2**53)]
"""A row's number in an address."""
Seconds = Annotated[float, Field(ge=0, le=A_DAY)]
Share = Annotated[float, Field(ge=0, le=1)]
Tiers = Annotated[
    list[Annotated[list[CandidateId], Field(min_length=1, max_length=MOST_CANDIDATES)]],
    Field(max_length=MOST_CANDIDATES),
]
Role = Literal["annotator", "reviewer", "admin"]
ROLES: tuple[Role, ...] = ("annotator", "reviewer", "admin")
"""Each may do what those before it may."""
Mode = Literal["order", "best-worst", "compare"]
Reason = Literal["ambiguous", "guideline gap", "slip", "taste"]
When = Annotated[str, Field(description="UTC, as in 2026-01-31T12:00:00.000Z")]
