"""What one side is asked to do, as it travels to its process."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.folders import SHAPES


@dataclass(frozen=True)
class Spec:
    """One side of one comparison."""

    side: str
    """ours, trl-1.16 or trl-1.12; the environment that it runs in, too."""
    stage: str
    model: str
    count: int
    """Prompts."""
    completions: int
    """Completions of each prompt: given, or to be sampled."""
    precision: str
    threads: int
    options: dict[str, Any] = field(default_factory=dict)
    """What this side alone is told."""
    check: bool = False
    """Whether losses are told, rather than time."""
    busy: bool = False
    """Whether somebody else works beside."""
    root: str = ".bench"
    rate: float = 1e-6
    new: int = 64
    """Tokens of a sampled completion."""

    @property
    def folder(self) -> Path:
        """Where the models are."""
        return Path(self.root) / "models" / self.model

    @property
    def scratch(self) -> Path:
        """Where trainers may write."""
        return Path(self.root) / "scratch" / f"{self.side}-{self.stage}"

    def rows(self) -> list[rows.Row]:
        """The very same rows on every side."""
        return rows.make(self.count, self.completions, SHAPES[self.model]["vocab_size"], seed=1)

    def written(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))


def read(line: str) -> Spec:
    """What `written` wrote."""
    return Spec(**json.loads(line))
