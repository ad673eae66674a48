"""Names and seeds that depend on content alone, so that they are the same on every machine and run."""

import hashlib
import json
from collections.abc import Iterable

from concord.records.text import Message


def digest(*parts: object) -> str:
    """A 16-digit name of any JSON-like values."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def prompt_key(messages: Iterable[Message]) -> str:
    """The name of a prompt: equal messages, equal name."""
    return digest([[message.role, message.content] for message in messages])


def seed_of(*parts: object) -> int:
    """A 63-bit seed from a run's seed and any names: sample k of prompt p is always the same sample."""
    return int(digest(*parts), 16) >> 1
