"""A growing file read on line by line, and thinned so that no peak is lost."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms import runfolders

from concord.monitoring.curves import Curves, numbers
from concord.monitoring.panels import panels
from concord.monitoring.tail import News, Place, look, values


def read(file: Path, since: Place) -> News:
    with file.open("rb") as opened:
        return look(opened, since)


def of(rows: list[dict[str, Any]]) -> Curves:
    curves = Curves()
    curves.take(News(tuple(json.dumps(row).encode() for row in rows), Place(), afresh=False))
    return curves


def test_only_whole_lines_are_read_and_each_of_them_once(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step": 1}\n{"st')
    first = read(file, Place())
    assert first.lines == (b'{"step": 1}',) and not first.afresh
    assert read(file, first.place).lines == ()
    file.write_bytes(b'{"step": 1}\n{"step": 2}\n\xff\n')
    second = read(file, Place.read(str(first.place)))
    assert second.lines == (b'{"step": 2}', b"\xff") and not second.afresh
    assert [value is None for value in values(second.lines)] == [False, True]


@pytest.mark.parametrize("how", ["replaced", "cut", "rewritten"])
def test_another_file_in_its_place_is_noticed(tmp_path: Path, how: str) -> None:
    file = tmp_path / "metrics.jsonl"
    runfolders.add(file, (runfolders.line(step) for step in range(1, 6)))
    before = read(file, Place())
    if how == "replaced":  # as the diary does when a run goes back to its last checkpoint
        runfolders.add(tmp_path / "new", (runfolders.line(step) for step in range(1, 9)))
        (tmp_path / "new").rename(file)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:50])
    else:
        file.write_bytes(file.read_bytes().replace(b'"seconds": 2.0', b'"seconds": 3.0'))
    after = read(file, before.place)
    assert after.afresh and len(after.lines) == {"replaced": 8, "cut": 0, "rewritten": 5}[how]


def test_a_place_that_nobody_wrote_is_the_beginning() -> None:
    for text in ("", "x.y.z", "1.2", "1.2.-5"):
        assert Place.read(text).offset == 0
    assert Place.read(str(Place(12, 345, 6789))) == Place(12, 345, 6789)


def test_thinning_by_hand() -> None:
    rows = [{"step": step, "v": value} for step, value in enumerate([1, 5, 3, 2, 8, 8, 0, 4], start=1)]
    steps, thinned = of(rows).thinned(4)  # stretches of 7/4 steps: 1-2, 3-4, 5-6, 7-8
    assert steps == [2, 4, 6, 8]
    assert thinned["v"].middle == [3, 2.5, 8, 2]
    assert thinned["v"].low == [1, 2, 8, 0] and thinned["v"].high == [5, 3, 8, 4]
    steps, thinned = of(rows).thinned(8)
    assert steps == [1, 2, 3, 4, 5, 6, 7, 8] and thinned["v"].middle == thinned["v"].low == thinned["v"].high


number = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))


@given(st.lists(st.one_of(st.none(), number), min_size=1, max_size=120), st.integers(10, 40))
def test_thinning_keeps_every_extreme_and_invents_none(column: list[float | None], width: int) -> None:
    rows = [{"step": 3 * i + 1} | ({} if value is None else {"v": value}) for i, value in enumerate(column)]
    steps, thinned = of(rows).thinned(width)
    there = [value for value in column if value is not None]
    assert len(steps) <= max(width, 1) and steps[-1] == 3 * len(column) - 2 and steps == sorted(set(steps))
    if not there:
        assert "v" not in thinned
        return
    low = [value for value in thinned["v"].low if value is not None]
    high = [value for value in thinned["v"].high if value is not None]
    assert min(low) == min(there) and max(high) == max(there)
    for least, middle, most in zip(thinned["v"].low, thinned["v"].middle, thinned["v"].high, strict=True):
        assert (least is None) == (middle is None) == (most is None)
        if least is not None and middle is not None and most is not None:
            assert least - 1e-6 * abs(least) - 1e-9 <= middle <= most + 1e-6 * abs(most) + 1e-9


def test_what_is_no_number_is_counted_and_never_drawn() -> None:
    rows: list[dict[str, Any]] = [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": "NaN", "word": "red", "yes": True, "huge": 10**400},
        {"step": 2, "loss": 5.0},
        {"step": "3", "loss": 5.0},
        {"step": 4, "loss": "Infinity", "late": 2.0},
    ]
    curves = of(rows)
    assert list(curves.steps) == [1, 2, 4] and curves.unreadable == 2
    assert curves.wild == {"loss": 2, "huge": 1} and curves.latest() == {"loss": 1.0, "late": 2.0}
    _, thinned = curves.thinned(10)
    assert thinned["loss"].middle == [1.0, None, None] and thinned["late"].middle == [None, None, 2.0]
    assert numbers({"step": 1, "a": math.nan}) == {"a": None}


def test_names_beyond_the_most_are_told() -> None:
    curves = of([{"step": 1, **{f"n{i}": 1.0 for i in range(250)}}])
    assert len(curves.columns) == 200 and len(curves.left_out) == 50


def test_charts_stand_in_order_and_leave_no_number_out() -> None:
    names = ["loss", "rate.policy", "rate.critic", "zebra", "kl", "kl_error", "score", "seconds", "apple"]
    found = panels(names)
    assert any("Pearson's" in one.about for one in panels(["lean.length"]))  # as habits.leaning works it out
    assert [one.title for one in found] == ["Reward", "Drift", "Loss", "Learning rate", "apple", "zebra"]
    assert found[1].series[0].error == "kl_error" and panels(["kl"])[0].series[0].error is None
    assert [line.label for line in found[3].series] == ["critic", "policy"]
