"""Why a request is not granted, and why it has to wait."""

from concord.errors import ConcordError, StoreError


class Refusal(ConcordError):
    """A request that cannot be granted: the status, a word for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None, wait: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field, self.wait = status, code, message, field, wait


class Busy(StoreError):
    """The database does not answer just now; whoever asks again later loses nothing."""
