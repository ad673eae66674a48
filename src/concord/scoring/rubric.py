"""What a judge goes by: a rubric in words, or a constitution from which principles are drawn for each prompt."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from concord.errors import SettingsError
from concord.records import seed_of
from concord.records.files import storing

PLAIN = "The better answer is the more helpful one: right, honest, harmless, to the point, and as asked."
LONGEST = 100_000
BULLET = "- "


@dataclass(frozen=True)
class Rubric:
    """What counts, always and by turns."""

    opening: str = PLAIN
    principles: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Rubric":
        """The rubric in a text file: lines that begin with `- ` are principles, all others its opening."""
        if not path.is_file():
            raise SettingsError(
                f"{path} is not there; `rank.judge.rubric` names it. Give the path of a text file."
            )
        with storing(path):
            text = path.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines()]
        principles = tuple(line.removeprefix(BULLET) for line in lines if line.startswith(BULLET))
        opening = "\n".join(line for line in lines if not line.startswith(BULLET)).strip()
        if not text.strip() or len(text) > LONGEST:
            raise SettingsError(f"{path} has {len(text):,} characters; a rubric has 1 to {LONGEST:,}.")
        return cls(opening or PLAIN, principles)

    def drawn(self, count: int, *names: object) -> tuple[int, ...]:
        """Which principles hold this time: all, or so many drawn by a seed that follows from the names."""
        everything = range(len(self.principles))
        if not count or count >= len(everything):
            return tuple(everything)
        return tuple(sorted(Random(seed_of("principles", *names)).sample(everything, count)))

    def text(self, drawn: tuple[int, ...]) -> str:
        """The rubric with the principles that hold this time."""
        return "\n".join([self.opening, *(f"{BULLET}{self.principles[place]}" for place in drawn)])
