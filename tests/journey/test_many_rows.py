"""Two hundred thousand preference rows take the memory of twenty thousand, and are tokenised once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 20_000, 200_000
WRITE = (
    "import sys; from pathlib import Path; from benchmarks import million; "
    "million.write(Path(sys.argv[1]), int(sys.argv[2]))"
)


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=550
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(part: str, path: Path) -> dict[str, float]:
    """What `benchmarks.million` says of one part in a process of its own."""
    found = run("-m", "benchmarks.million", part, str(path), str(path.with_suffix(".cache")))
    answer: dict[str, float] = json.loads(found.splitlines()[-1])
    return answer


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.long
def test_memory_is_flat_and_a_second_start_is_quick(tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    for path, count in ((few, FEW), (many, MANY)):
        run("-c", WRITE, str(path), str(count))
    assert measured("look", many)["peak_mb"] - measured("look", few)["peak_mb"] < MANY * 100 / 2**20
    small, large = measured("start", few), measured("start", many)
    assert large["rows"] == MANY
    assert large["peak_mb"] < 1.15 * small["peak_mb"]
    again = measured("start", many)
    assert again["peak_mb"] < 1.15 * small["peak_mb"]
    # Once tokenised, nothing is read but what a step needs: seconds, where the first time took minutes.
    assert again["seconds"] < 10 < large["seconds"]
    assert again["resume"] < 2
