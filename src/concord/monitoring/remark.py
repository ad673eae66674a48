"""What a doctor says of a recipe before it is run: how grave, where, what, and what to do."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""The gravest first: an error would spoil the run, a warning may, a note is good to know."""


@dataclass(frozen=True)
class Remark:
    """One thing that was found."""

    level: Level
    check: str
    where: str
    what: str
    do: str = ""
    examples: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The same for a person; what a terminal would obey is shown and not obeyed."""
        do = f" {self.do}" if self.do else ""
        told = [
            f"{self.level:8} {self.check}: {self.where}: {self.what}{do}",
            *(f"           {one}" for one in self.examples),
        ]
        return [
            "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
            for line in told
        ]
