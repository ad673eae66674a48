"""The kinds of numbers that settings are."""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Price = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
