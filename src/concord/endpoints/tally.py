"""What asking an endpoint took: calls, tokens, money."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """Counts of everything asked for, whether just now or remembered from a stage that was stopped."""

    questions: int = 0
    """Questions answered, remembered answers included."""
    remembered: int = 0
    """... of which the answer lay on the disk."""
    calls: int = 0
    """Calls made just now."""
    repeats: int = 0
    """... of which were made because one before them failed."""
    tokens_read: int = 0
    """Tokens of all questions, as the endpoint counts them."""
    tokens_said: int = 0
    """Tokens of all answers, as the endpoint counts them."""
    unmetered: int = 0
    """Answers of which the endpoint did not say how many tokens they took."""
    price_read: float = 0.0
    price_said: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def cost(self) -> float:
        """What all of it costs at the prices of the settings."""
        return (self.tokens_read * self.price_read + self.tokens_said * self.price_said) / 1e6

    def called(self, again: bool) -> None:
        """Count a call."""
        with self._lock:
            self.calls += 1
            self.repeats += again

    def answered(self, usage: Mapping[str, int] | None, remembered: bool) -> None:
        """Count an answered question."""
        with self._lock:
            self.questions += 1
            self.remembered += remembered
            self.unmetered += usage is None
            if usage is not None:
                self.tokens_read += usage["read"]
                self.tokens_said += usage["said"]

    def facts(self) -> dict[str, Any]:
        """The counts, to be written down."""
        with self._lock:
            facts = {key: value for key, value in vars(self).items() if not key.startswith("_")}
            return facts | {"cost": self.cost}
