"""The server as a process: nothing that it acknowledged is ever lost, and it comes back where it was."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmark is no part of the package

from benchmarks import annotators

from concord.annotation.server import Front, Server, listen
from concord.annotation.store import Store
from concord.annotation.tables import Content, Judgement
from concord.cli.main import main
from concord.errors import SettingsError, StoreError

HEARS = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from concord.cli.main import main; sys.exit(main())"
)
"""A shell starts what it puts in the background deaf to Ctrl-C; what a person starts in a terminal hears it."""
MARKER = "m4rk3r-of-a-secret"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_s23_others_can_reach_it_only_through_tls(
    host: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["web", str(tmp_path / "x"), "--host", host]) == 2
    assert "--certificate" in capsys.readouterr().err and not (tmp_path / "x").exists()
    with pytest.raises(SettingsError, match="belong together"):
        Front(host, certificate=tmp_path).check()
    with pytest.raises(SettingsError, match="alone"):
        Front(host, name="http://x/").check()
    Front(host, name="rank.example.org").check()
    assert Front(host, name="rank.example.org").origin(8642) == "https://rank.example.org"
    assert Front().origin(8642) == "http://127.0.0.1:8642" and Front("::1").origin(1) == "http://[::1]:1"


def test_a_port_that_is_taken_is_named_and_the_usual_one_gives_way_to_the_next() -> None:
    with closing(listen(Front())) as one, closing(listen(Front())) as other:
        assert one.getsockname()[1] != other.getsockname()[1]
        with pytest.raises(StoreError, match="--port 0"):
            listen(Front(port=one.getsockname()[1]))


def test_the_first_start_prints_a_link_and_there_is_no_other_way_in(tmp_path: Path) -> None:
    with closing(Store.open(str(tmp_path))) as store:
        behind = Server(store, Front("127.0.0.1", 0, name="rank.example.org"))
        behind.socket.close()
        first = behind.way_in(always=False)
        assert first and first.startswith("https://rank.example.org/#/login/")
        assert behind.way_in(always=False) is None  # somebody may come in by now
        again = behind.way_in(always=True)
        assert again and again != first
        with store.reading() as session:
            assert (
                session.connection().exec_driver_sql("SELECT count(*) FROM link WHERE used IS NULL").scalar()
                == 1
            )
            assert session.connection().exec_driver_sql("SELECT count(*) FROM token").scalar() == 0


@pytest.mark.slow
def test_it_ends_in_good_order_and_says_nothing_secret(tmp_path: Path) -> None:
    environment = dict(os.environ, CONCORD_STORE=str(tmp_path / "store"), SOME_KEY=MARKER)
    words = [sys.executable, "-c", HEARS, "web", "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        told = [process.stdout.readline(), process.stdout.readline()]
        port = int(told[0].split("127.0.0.1:")[1].split(".")[0])
        secret = told[1].strip().rpartition("/")[2]
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        for token in ("cct_" + MARKER, secret):
            with closing(annotators.Caller(port, token)) as caller:
                assert caller.ask("GET", "/me")[0] == 401
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.sendall(f"GET /\x1b[31m{MARKER} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert b"400" in broken.recv(1000)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert MARKER not in out + err and secret not in out + err and MARKER.encode() not in command
    assert "\x1b" not in err
    left = [path.name for path in (tmp_path / "store").iterdir()]
    assert "store.sqlite" in left and "store.sqlite-wal" not in left  # all is in the one file
    assert (tmp_path / "store" / "store.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.long
def test_killed_five_times_while_200_judgements_come_it_has_all_of_them_once(tmp_path: Path) -> None:
    place, keys, chance = str(tmp_path / "store"), list[str](), random.Random(3)
    with annotators.Served(place) as served:
        boss = annotators.owner(served)
        boss.post("/projects", {"slug": annotators.SLUG, "title": "Many"})
        boss.post(f"/projects/{annotators.SLUG}/tasks", {"rows": annotators.rows(200, 3)})
        (who,) = annotators.invited(boss, 1)

        def rank() -> None:
            while tasks := who.post(f"/projects/{annotators.SLUG}/leases", {"count": 2})["tasks"]:
                for task in tasks:
                    body = annotators.judgement(task)
                    who.post(f"/projects/{annotators.SLUG}/judgements", body)
                    keys.append(body["key"])

        thread = threading.Thread(target=rank)
        thread.start()
        for kill in range(1, 6):
            while len(keys) < 33 * kill:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.05)
            served.kill()
            served.start()
        thread.join()
        boss.close()
        who.close()
    assert len(keys) == 200 and who.again > 0
    with closing(Store.open(place)) as store, store.reading() as session:
        stored = session.scalars(select(Judgement.key)).all()
        said = session.scalars(select(Content.body)).all()
        tasks = session.scalars(select(Judgement.task_id)).all()
    assert sorted(stored) == sorted(keys) and len(said) == 200
    assert set(Counter(stored).values()) == set(Counter(tasks).values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_20_people_at_once_give_each_task_exactly_3(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "store") if kind == "sqlite" else request.getfixturevalue("emptied")
    found: dict[str, Any] = annotators.measure(place, people=20, tasks=60, overlap=3)
    with capsys.disabled():
        sys.stderr.write(
            f"\n{kind}: {json.dumps({key: found[key] for key in ('seconds', 'judgements_per_second')})}\n"
        )
    assert found["tasks_by_judgements"] == {3: 60} and found["judgements"] == found["acknowledged"] == 180
    assert found["chain"] == "sound"
