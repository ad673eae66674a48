"""The runs of a folder over HTTP: reviewers watch, nobody changes anything, and nothing outside is served."""

import asyncio
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.rooms import runfolders

from concord.annotation import watching
from concord.annotation.app import create_app
from concord.cli.main import main

BASE = "/api/v1/runs"


class Watcher:
    """Somebody who asks a server that shows the runs of a folder."""

    def __init__(self, light: Any, folder: Path | None, role: str = "reviewer") -> None:
        self.folder = folder
        app = create_app(light.store, "http://127.0.0.1:8642", runs=folder)
        self.client = TestClient(app, base_url="http://127.0.0.1:8642")
        self.credentials = light.guest(role, role).credentials

    def ask(self, path: str = "", status: int = 200, **headers: str) -> Any:
        reply = self.client.get(f"{BASE}{path}", headers={**self.credentials, **headers})
        assert reply.status_code == status, (reply.status_code, reply.text)
        return (
            reply if status == 200 and reply.headers["content-type"] != "application/json" else reply.json()
        )

    def events(self, path: str, **headers: str) -> list[tuple[str, Any]]:
        """What a stream told until it ended: ids and news."""
        text = self.ask(path, **headers).text
        blocks = [
            dict(row.split(": ", 1) for row in block.splitlines()) for block in text.split("\n\n") if block
        ]
        return [(block["id"], json.loads(block["data"])) for block in blocks]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runfolders.watched(runfolders.begun(tmp_path / "runs" / "one"))
    return tmp_path / "runs"


@pytest.fixture
def watcher(light: Any, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(watching, "LONGEST", 0.25)
    monkeypatch.setattr(watching, "PAUSE", 0.05)
    return Watcher(light, runs)


def test_runs_are_listed_in_short(watcher: Watcher, runs: Path) -> None:
    runfolders.locked(runs / "one")
    (one,) = watcher.ask()["runs"]
    del one["changed"]
    assert one == {
        "name": "one", "state": "at work", "stage": "align", "step": 40, "seconds": 80.0, "alarms": 1, "go": None,
    }  # fmt: skip


def test_curves_have_their_charts_looks_and_alarms(watcher: Watcher) -> None:
    told = watcher.ask("/one/curves?width=10")
    assert (told["stage"], told["exact"], len(told["steps"]), told["steps"][-1]) == ("align", False, 10, 40)
    assert [chart["title"] for chart in told["charts"]] == ["Reward", "Loss"]
    (proxy,) = told["charts"][0]["lines"]
    assert proxy["low"][0] == pytest.approx(0.1) and proxy["high"][-1] == pytest.approx(4.0)
    assert proxy["latest"] == pytest.approx(4.0)
    assert [look["root"] for look in told["looks"]] == [1, 2, 3] and len(told["alarms"][0]["samples"]) == 3
    assert watcher.ask("/one/curves")["exact"] and watcher.ask("/one/curves?width=9", 422)["error"]


def test_numbers_that_cannot_be_read_are_told(watcher: Watcher, runs: Path) -> None:
    (written,) = (runs / "one").glob("align*/metrics.jsonl")
    written.write_text("garbage\n[]\n{\n", encoding="utf-8")
    told = watcher.ask("/one/curves?width=10")
    assert (told["stage"], told["steps"]) == (None, [])
    assert told["notes"] == ["align: 3 lines of its numbers could not be read."]


def test_samples_are_paired(watcher: Watcher) -> None:
    told = watcher.ask("/one/samples")
    assert told["round"] == 1 and [one["before"]["text"] for one in told["pairs"]] == ["early ", "first "]


def test_news_begin_where_the_curves_end(watcher: Watcher, runs: Path) -> None:
    mark = watcher.ask("/one/curves")["mark"]
    assert watcher.ask(f"/one/news?since={mark}")["points"] == []
    runfolders.add(runs / "one" / "align.partial" / "metrics.jsonl", [runfolders.line(41, kl="NaN")])
    news = watcher.ask(f"/one/news?since={mark}")
    assert not news["afresh"] and news["points"] == [
        {"step": 41, "numbers": {"loss": 1 / 41, "score": 0.1 * 41, "seconds": 82.0, "kl": None}}
    ]
    assert watcher.ask(f"/one/news?since={news['mark']}")["points"] == []


@pytest.mark.parametrize("change", ["alarm", "rewound", "other stage", "unknown mark", "many"])
def test_curves_are_asked_for_anew_when_news_alone_do_not_tell(
    watcher: Watcher, runs: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = runs / "one" / "align.partial"
    mark = watcher.ask("/one/curves")["mark"]
    if change == "alarm":
        runfolders.add(stage / "alarms.jsonl", [{"step": 40, "rule": "drift"}])
    elif change == "rewound":
        runfolders.add(stage / "new", (runfolders.line(step) for step in range(1, 31)))
        (stage / "new").rename(stage / "metrics.jsonl")
    elif change == "other stage":
        runfolders.making(runs / "one", "rivals/dpo", 3)
        runfolders.locked(runs / "one", ".locks/rivals-dpo.lock")
    elif change == "unknown mark":
        mark = "nonsense"
    else:
        monkeypatch.setattr(watching, "MOST_POINTS", 3)
        runfolders.add(stage / "metrics.jsonl", (runfolders.line(step) for step in range(41, 46)))
    news = watcher.ask(f"/one/news?since={mark}")
    assert news["afresh"] and news["points"] == []
    assert not watcher.ask(f"/one/news?since={news['mark']}")["afresh"]


def test_a_finished_stage_keeps_its_place(watcher: Watcher, runs: Path) -> None:
    mark = watcher.ask("/one/curves")["mark"]
    runfolders.finish(runs / "one", "align")
    news = watcher.ask(f"/one/news?since={mark}")
    assert not news["afresh"] and news["run"]["stages"][4]["state"] == "done"


@pytest.mark.slow
def test_a_stream_tells_at_once_and_goes_on_from_the_last_event(watcher: Watcher, runs: Path) -> None:
    mark = watcher.ask("/one/curves")["mark"]
    ((first, news),) = watcher.events(f"/one/live?since={mark}")
    assert news["points"] == [] and news["run"]["name"] == "one" and first == news["mark"] == mark
    runfolders.add(
        runs / "one" / "align.partial" / "metrics.jsonl", [runfolders.line(41), runfolders.line(42)]
    )
    ((second, news),) = watcher.events("/one/live?since=stale&stage=align", **{"last-event-id": first})
    assert [point["step"] for point in news["points"]] == [41, 42] and not news["afresh"] and second != first


@pytest.mark.slow
def test_what_is_written_while_a_stream_is_open_comes_once_and_in_order(watcher: Watcher, runs: Path) -> None:
    stage = runs / "one" / "align.partial"
    mark = watcher.ask("/one/curves")["mark"]

    def go_on() -> None:
        for step in range(41, 61):
            with (stage / "metrics.jsonl").open("a", encoding="utf-8") as file:
                text = json.dumps(runfolders.line(step)) + "\n"
                file.write(text[:20])
                file.flush()
                time.sleep(0.005)
                file.write(text[20:])
        runfolders.add(stage / "alarms.jsonl", [{"step": 60, "rule": "drift"}])

    writer = threading.Thread(target=go_on)
    writer.start()
    events = watcher.events(f"/one/live?since={mark}")
    writer.join()
    seen = [point["step"] for _, news in events for point in news["points"]]
    assert seen == sorted(set(seen)) and set(seen) <= set(range(41, 61)) and len(events) > 1
    assert any(news["afresh"] for _, news in events)  # the alarm
    assert all(identity == news["mark"] for identity, news in events)


def test_a_stream_ends_with_its_run(watcher: Watcher, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LONGEST", 60.0)

    async def listen() -> list[Any]:
        stream = watching.Watched(runs).find("one").live(None, "", lambda: False)
        first = await anext(stream)
        shutil.rmtree(runs / "one")
        return [first, *[event async for event in stream]]

    assert len(asyncio.run(asyncio.wait_for(listen(), 30))) == 1
    assert watcher.ask("/one/live", 404)["error"]["code"] == "not_found"


def test_a_stream_ends_when_the_server_does(light: Any, runs: Path) -> None:
    app = create_app(light.store, "http://127.0.0.1:8642", runs=runs, ending=lambda: True)
    client = TestClient(app, base_url="http://127.0.0.1:8642", headers=light.owner.credentials)
    began = time.monotonic()
    assert (
        client.get(f"{BASE}/one/live").status_code == 200 and time.monotonic() - began < watching.LONGEST / 2
    )


def test_annotators_see_no_runs(light: Any, runs: Path) -> None:
    annotator = Watcher(light, runs, "annotator")
    for path in ("", "/one", "/one/curves", "/one/samples", "/one/news", "/one/live", "/one/report"):
        assert annotator.ask(path, 403)["error"]["code"] == "role", path


def test_nothing_outside_the_folder_is_served(watcher: Watcher, runs: Path, tmp_path: Path) -> None:
    secret = runfolders.watched(runfolders.begun(tmp_path / "secret")).parent
    (secret / "report.html").write_text("secret", encoding="utf-8")
    (runs / "linked").symlink_to(secret)
    (runs / "one" / "report.html").symlink_to(secret / "report.html")
    (runs / "one" / "reward").symlink_to(secret / "align.partial")
    for name in (
        "linked",
        "..",
        "%2e%2e",
        "..%2fsecret",
        "one%2f..%2f..%2fsecret",
        "%00",
        "one%00",
        ".lock",
        "x" * 300,
    ):
        assert watcher.client.get(f"{BASE}/{name}", headers=watcher.credentials).status_code in (404, 422), (
            name
        )
    assert [one["name"] for one in watcher.ask()["runs"]] == ["one"]
    assert watcher.ask("/one/report", 404)["error"]["message"].startswith("This run has no report")
    for stage in ("reward", "../secret/align", "align.partial", "/etc", ".locks", "rollouts"):
        for what in ("curves", "samples"):
            assert watcher.ask(f"/one/{what}?stage={stage}", 404)["error"]["code"] == "not_found", stage
    assert "secret" not in json.dumps(watcher.ask("/one"))  # nor where the recipe lies


def test_a_report_is_served_in_a_box(watcher: Watcher, runs: Path) -> None:
    (runs / "one" / "report.html").write_text(f"<p>{runfolders.HOSTILE}", encoding="utf-8")
    reply = watcher.ask("/one/report")
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("sandbox;") and "default-src 'none'" in policy and "script" not in policy
    assert (
        reply.headers["x-content-type-options"] == "nosniff" and reply.headers["cache-control"] == "no-store"
    )
    assert reply.headers["content-type"] == "text/html; charset=utf-8" and runfolders.HOSTILE in reply.text


def test_a_run_that_is_deleted_while_it_is_watched_is_told_gone(watcher: Watcher, runs: Path) -> None:
    watcher.ask("/one/curves")
    shutil.rmtree(runs / "one" / "align.partial")
    nothing = watcher.ask("/one/curves")
    assert not any(value for name, value in nothing.items() if name != "exact") and nothing["stage"] is None
    shutil.rmtree(runs / "one")
    assert watcher.ask("/one", 404)["error"]["code"] == "not_found" and watcher.ask()["runs"] == []
    shutil.rmtree(runs)
    assert watcher.ask()["runs"] == []


def test_a_server_without_runs_says_so(light: Any) -> None:
    watcher = Watcher(light, None)
    assert watcher.ask() == {"folder": None, "runs": []} and watcher.ask("/one", 404)


def test_a_run_in_place_of_the_folder_of_runs_is_named(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["web", str(tmp_path / "store"), "--runs", str(runs / "one")]) == 2
    assert (
        f"the folder that holds it: {runs}" in capsys.readouterr().err and not (tmp_path / "store").exists()
    )
