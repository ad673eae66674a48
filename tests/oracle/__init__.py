"""Reader of the reference vectors in this folder (their sources: README.md).

Tests load it by its path, so that it works whatever pytest puts on sys.path.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
SHARED = ("batch", "inputs", "rewards", "defaults")
NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def vectors(name: str) -> Iterator[dict[str, Any]]:
    """Every vector of one file, its `inputs` merged with what the file's vectors share."""
    document = _numbers(json.loads((HERE / f"{name}.json").read_text(encoding="utf-8")))
    shared: dict[str, Any] = {}
    for key in SHARED:
        if key in ("rewards", "defaults"):
            shared |= {key: document[key]} if key in document else {}
        else:
            shared |= document.get(key, {})
    for vector in document["vectors"]:
        own = {"kind": name, "params": {}, **vector}
        yield {**own, "inputs": {**shared, **vector.get("inputs", {})}}


def vector(name: str, id: str) -> dict[str, Any]:
    """One vector by its id."""
    return next(each for each in vectors(name) if each["id"] == id)


def cases(name: str, *ids: str) -> list[Any]:
    """The named vectors of one file as pytest parameters."""
    return [pytest.param(vector(name, id), id=id) for id in ids]


def tensor(numbers: Any) -> torch.Tensor:
    """Numbers in float64."""
    return torch.tensor(numbers, dtype=torch.float64)


def bools(rows: Any) -> torch.Tensor:
    """A mask."""
    return torch.tensor(rows, dtype=torch.bool)


def check(got: Any, wanted: Any, near: float = 1e-9) -> None:
    """The numbers agree: 1e-9, or 1e-7 where TRL drops to float32 on the way."""
    ours = got.detach().double() if isinstance(got, torch.Tensor) else tensor(got)
    torch.testing.assert_close(ours, tensor(wanted), rtol=near, atol=near)


def _numbers(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_numbers(value) for value in node]
    return NUMBERS.get(node, node) if isinstance(node, str) else node
