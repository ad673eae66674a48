"""A browser for all tests of the pages, and a server for each file of them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.served import Served, closed

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "concord" / "annotation" / "static"


def lacking(what: str) -> None:
    """Leave a test out where a part of the machine is missing; a machine that must have it fails instead."""
    if os.environ.get("CONCORD_PAGES") == "require":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """The system's own Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        lacking("no Chromium on this machine: install the package `chromium`")
    if not (STATIC / "index.html").is_file():
        lacking("the pages are not built: install Concord where npm's registry can be reached")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with an empty store."""
    running = Served(tmp_path_factory.mktemp("store"))
    yield running
    closed(running.process)
    assert running.process.stdout is not None
    running.process.stdout.close()
