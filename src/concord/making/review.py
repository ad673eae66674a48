"""What a person said of each item that was made: accepted, rejected or not looked at yet; kept from run to run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from concord.errors import RecordError
from concord.formats.containers import rows
from concord.formats.packing import pack
from concord.records import Demonstration, digest
from concord.records.files import dumps

VERDICTS = ("accept", "reject", "")
FILLED_IN = ("verdict", "by", "note")
"""What a person fills in."""


@dataclass(frozen=True)
class Item:
    """A prompt with its answer, if it has one, and what was said of it."""

    record: Demonstration
    verdict: str = ""
    by: str = ""
    note: str = ""

    @property
    def said(self) -> str:
        """The words of prompt and answer, whatever their case and spacing."""
        texts = [one.content for one in self.record.prompt.messages] + [self.record.text]
        return "\n".join(" ".join(text.casefold().split()) for text in texts)

    @property
    def id(self) -> str:
        """A name that follows from what is said alone."""
        return digest(self.said)


def reviewed(items: Sequence[Item], path: Path) -> tuple[list[Item], int]:
    """The items with the verdicts of a review file, which is written anew; and how many verdicts met no item.

    Verdicts on items that are no longer made stay in the file, so that they are there if the items come back.
    """
    old = {}
    for line in rows(path) if path.is_file() else ():
        row, place = line.row, f"{path}:{line.number}"
        if line.fault or not isinstance(row.get("id"), str) or (row.get("verdict") or "") not in VERDICTS:
            raise RecordError(
                f"{place}: {line.fault or 'a row of a review has an `id` and a `verdict`'}; a verdict is "
                "accept, reject or an empty text. Correct the line."
            )
        if row["id"] in old:
            raise RecordError(
                f"{place} judges the item {row['id']} a second time. Remove one of the two lines."
            )
        old[row["id"]] = row
    found = [with_verdict(one, old[one.id]) if one.id in old else one for one in items]
    known = {one.id for one in items}
    gone = [row for name, row in old.items() if name not in known and row.get("verdict")]
    pack(path, map(dumps, [*(shown(one) for one in found), *gone]), FILLED_IN)
    return found, len(gone)


def with_verdict(item: Item, row: Mapping[str, Any]) -> Item:
    """An item with what a line of a review says of it."""
    verdict, by, note = (str(row.get(name) or "") for name in FILLED_IN)
    return replace(item, verdict=verdict, by=by, note=note)


def shown(item: Item) -> dict[str, str]:
    """An item as a line of a review file: whoever reviews it fills in `verdict`, and `by` and `note` if they like."""
    asked = "\n".join(one.content for one in item.record.prompt.messages)
    row = {"id": item.id, "verdict": item.verdict, "by": item.by, "note": item.note, "prompt": asked}
    return {**row, "completion": item.record.text} if item.record.text else row


def counts(items: Sequence[Item]) -> dict[str, int]:
    """How many were accepted, rejected and not looked at."""
    seen = Counter(one.verdict for one in items)
    return {"accepted": seen["accept"], "rejected": seen["reject"], "open": seen[""]}
