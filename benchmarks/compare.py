"""Two results beside each other: `python -m benchmarks.compare BEFORE.json AFTER.json`.

Ratios to a peer are compared, never times: machines differ. Exits with 1 if a ratio fell by more than 10 %.
"""

import json
import sys
from pathlib import Path

from benchmarks import table


def main(before: str, after: str) -> int:
    """Print every ratio before and after, then those that were lost."""
    told, lost = table.compared(
        *(json.loads(Path(one).read_text(encoding="utf-8")) for one in (before, after))
    )
    print(*told, sep="\n")
    if not told and not lost:
        print(f"{before} and {after} have no comparison in common.")
        return 1
    if lost:
        print("", "Lost more than 10 %:", *lost, sep="\n")
    return int(bool(lost))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Give two files of results: python -m benchmarks.compare BEFORE.json AFTER.json")
    sys.exit(main(*sys.argv[1:]))
