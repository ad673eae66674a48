"""What time it is: milliseconds since 1970 UTC, whatever zone the machine stands in."""

import time
from datetime import UTC, datetime

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def now() -> int:
    """The time now."""
    return time.time_ns() // 1_000_000


def told(moment: int) -> str:
    """A time as replies write it."""
    text = datetime.fromtimestamp(moment / SECOND, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def told_if(moment: int | None) -> str | None:
    """The same for a time that may not have come."""
    return None if moment is None else told(moment)


def midnight(moment: int) -> int:
    """When the day began that a time lies in, in UTC."""
    return moment - moment % DAY


def day(moment: int) -> str:
    """The day that a time lies in, as in 2026-01-31."""
    return told(moment)[:10]
