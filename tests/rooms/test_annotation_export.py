"""What is taken out: in every format of the register, in every container, with what is lost told before."""

import asyncio
import gzip
import io
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.requests import ClientDisconnect

from concord import formats
from concord.annotation.export import Parcel
from concord.annotation.routes.material import Sent
from concord.formats import FORMATS

FORMULA = "=HYPERLINK(1)"
HOSTILE = '<img src=x onerror="window.__xss=1">'


@pytest.fixture
def judged(light: Any) -> Any:
    """A project in which somebody ranked three answers to two prompts, two of them tied, and mended the best."""
    light.project(tasks=0, aspects=[{"name": "true", "title": "True"}])
    texts = ("a", FORMULA, HOSTILE)
    rows = [{"prompt": f"Why {n}?", "text": f"{text}{n}", "by": "sft"} for n in range(2) for text in texts]
    light.owner.post("/projects/one/tasks", {"rows": rows})
    ada = light.guest("Ada Name", projects=("one",))
    for _ in range(2):
        (task,) = ada.take()
        best, *others = sorted(task["candidates"], key=lambda one: one["text"], reverse=True)
        tiers = [[best["id"]], [one["id"] for one in others]]
        ada.judge(task, tiers=tiers, edits={best["id"]: "@better"}, aspects={"true": {best["id"]: 1}})
    return light


def written(light: Any) -> list[Any]:
    """What an export may be written in."""
    found: list[Any] = light.owner.get("/projects/one/export/formats")["formats"]
    return found


def test_whatever_the_register_can_write_of_what_people_said_is_offered(light: Any) -> None:
    light.project(tasks=0)
    told = light.owner.get("/projects/one/export/formats")
    kinds = {one["name"]: one["kind"] for one in told["formats"]}
    assert {name for name, one in FORMATS.items() if one.writer("rankings")} == {
        name for name, kind in kinds.items() if kind == "rankings"
    }
    assert kinds["alpaca"] == "demonstrations" and kinds["concord-ratings"] == "ratings"
    assert not kinds.keys() & {"oasst", "concord-steps", "concord-prompts"}
    assert told["containers"] == list(get_args(formats.Container))
    assert told["formats"][0] == {
        "name": "concord-demonstrations", "kind": "demonstrations", "keys": ["prompt", "completion"],
    }  # fmt: skip


@pytest.mark.slow
def test_every_format_is_written_and_says_before_what_it_will_lose(judged: Any) -> None:
    for one in written(judged):
        name = one["name"]
        weighed = judged.owner.get(f"/projects/one/export/losses?format={name}")
        reply = judged.owner.get(f"/projects/one/export?format={name}")
        assert reply.headers["content-disposition"] == f'attachment; filename="one.{name}.jsonl"'
        assert reply.headers["content-type"] == "application/jsonl"
        assert len(reply.text.splitlines()) == weighed["rows"] == int(reply.headers["x-concord-rows"]), name
        assert reply.headers.get("x-concord-lost", "") == "; ".join(weighed["losses"])
        assert weighed["losses"] or name.startswith("concord-"), name
        assert "Ada" not in reply.text
    lost = judged.owner.get("/projects/one/export/losses?format=trl-preference")
    assert (lost["records"], lost["rows"]) == (4, 6)  # each mended answer is a ranking of its own
    assert "trl-preference cannot carry ties: 2 tied pairs dropped" in lost["losses"]


def test_every_container_holds_the_same_rows(judged: Any, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    found = {}
    for container in get_args(formats.Container):
        reply = judged.owner.client.get(
            f"/api/v1/projects/one/export?format=trl-preference&container={container}",
            headers=judged.owner.credentials,
        )
        assert reply.status_code == 200 and int(reply.headers["content-length"]) == len(reply.content)
        file = tmp_path / f"one.trl-preference.{container}"
        assert reply.headers["content-disposition"] == f'attachment; filename="{file.name}"'
        file.write_bytes(reply.content)
        found[container] = formats.read_rankings(file).records
    assert len(found["jsonl"]) == 6 and all(rows == found["jsonl"] for rows in found.values())


def test_rows_that_parquet_cannot_hold_are_refused_in_words(judged: Any) -> None:
    pytest.importorskip("pyarrow")
    error = judged.owner.get("/projects/one/export?format=label-studio&container=parquet", 422)["error"]
    assert error["message"].startswith(
        "one.label-studio.parquet cannot be written: one column would hold several"
    )
    assert error["message"].endswith("Write JSON Lines instead.")


def test_s11_no_cell_is_a_formula_and_no_text_leaves_its_row(judged: Any) -> None:
    path = "/projects/one/export?format=trl-preference&container="
    cells = judged.owner.get(f"{path}csv")
    assert cells.headers["content-type"].startswith("text/csv")
    assert cells.headers["x-content-type-options"] == "nosniff"
    assert f",'{FORMULA}0\n" in cells.text and f",{FORMULA}" not in cells.text and ",'@better," in cells.text
    packed = judged.owner.get(f"{path}jsonl.gz")
    lines = gzip.GzipFile(fileobj=io.BytesIO(packed.content)).read().decode().splitlines()
    assert any(HOSTILE in json.loads(line)["rejected"] for line in lines)


def test_a_file_is_let_go_of_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    """Otherwise every browser that leaves in the middle would keep a file open."""
    (tmp_path / "x").write_bytes(b"x" * 200_000)
    file = (tmp_path / "x").open("rb")
    report = formats.LossReport("alpaca", 1, 1)
    reply = Sent(Parcel("x.alpaca.jsonl", "application/jsonl", file, 200_000, report), {})
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "headers": []}

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the browser left")

    with pytest.raises(ClientDisconnect):
        asyncio.run(reply(scope, receive, send))
    assert file.closed


def test_what_is_not_written_is_told(light: Any) -> None:
    light.project(tasks=0)
    for path in ("export", "export/losses"):
        error = light.owner.get(f"/projects/one/{path}?format=oasst", 422)["error"]
        assert error["field"] == "format" and "trl-kto" in error["message"]
        light.owner.get(f"/projects/two/{path}", 404)
    assert light.owner.get("/projects/one/export?container=exe", 422)["error"]["field"] == "container"
    empty = light.owner.get("/projects/one/export/losses")
    assert empty == {"records": 0, "rows": 0, "losses": []}
    for container in get_args(formats.Container):
        light.owner.get(f"/projects/one/export?container={container}")
