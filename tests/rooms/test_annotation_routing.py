"""Which list to rank next: the uncertain ones first, and how much that is said to save."""

import math

import pytest
from benchmarks import active

from concord.annotation.routing import ordered, uncertainty


def test_uncertainty_by_hand() -> None:
    agree, split = [[5.0, 0.0], [5.0, 0.0]], [[50.0, 0.0], [0.0, 50.0]]
    assert uncertainty(split) == pytest.approx(math.log(2))
    assert uncertainty(agree) == pytest.approx(0.0, abs=1e-12)
    assert uncertainty([[0.0, 0.0], [0.0, 0.0]]) == pytest.approx(0.0, abs=1e-12)  # both say: a coin
    assert uncertainty([[1.0, 0.0], [3.0, 0.0]], "spread") == 1.0
    assert uncertainty([[1.0, 0.0, 4.0], [2.0, 0.0, 4.0]], "gap") == -1.5
    for wrong in ([[1.0]], [1.0, 2.0], [[math.nan, 1.0]]):
        with pytest.raises(ValueError, match="must be finite"):
            uncertainty(wrong)  # type: ignore[arg-type]


def test_tasks_come_in_order_of_uncertainty_whatever_their_order() -> None:
    tasks = {"sure": [[9.0, 0.0]] * 2, "split": [[3.0, 0.0], [0.0, 3.0]], "close": [[0.1, 0.0], [0.3, 0.0]]}
    assert ordered(tasks) == ["split", "close", "sure"]
    assert ordered(tasks, "gap") == ["split", "close", "sure"]
    same = {str(n): [[1.0, 0.0], [0.0, 1.0]] for n in range(12)}
    assert ordered(same, seed=1) == ordered(dict(reversed(same.items())), seed=1) != ordered(same, seed=2)


def curve(*points: tuple[int, float]) -> list[dict[str, float]]:
    return [{"rankings": count, "accuracy": value} for count, value in points]


def test_savings_by_hand() -> None:
    random = curve((100, 0.6), (200, 0.65), (300, 0.7))
    faster = curve((100, 0.6), (200, 0.75), (300, 0.72))
    assert active.needed(random, 0.675) == pytest.approx(250)
    # smoothed, the faster one stands at .6, .735, .735 and reaches .7 after 100 + 100 * .1 / .135
    assert active.saving(random, faster) == pytest.approx(1 - (100 + 100 * 0.1 / 0.135) / 300)
    assert active.saving(random, random) == pytest.approx(0)
    # one that never gets there: the random arm has .66 after 220 of the 300 that it took
    slower = curve((100, 0.6), (200, 0.62), (300, 0.66))
    assert active.saving(random, slower) == pytest.approx(1 - 300 / 220)


@pytest.mark.slow
def test_what_is_written_down_is_not_done_again(tmp_path: "active.Path") -> None:
    plan = active.Plan(pool=16, tried=6, first=6, more=4, rounds=1, members=2, epochs=1)
    results = tmp_path / "active.jsonl"
    whole = active.run(plan, 0, "active", results, say=False)
    lines = results.read_text(encoding="utf-8").splitlines(keepends=True)
    assert [one["rankings"] for one in whole] == [6, 10] and len(set(whole[-1]["picked"])) == 10
    results.write_text(lines[0] + lines[1][:30], encoding="utf-8")  # stopped in the middle of a line
    again = active.run(plan, 0, "active", results, say=False)
    assert again[1]["picked"] == whole[1]["picked"]
    assert again[1]["accuracy"] == pytest.approx(whole[1]["accuracy"])
    assert again[0] == whole[0]
