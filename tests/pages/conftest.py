"""A browser for all tests of the pages, and a server for all of them, which some of them kill."""

import fcntl
import importlib.util
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from tests.pages.served import Served, closed

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "concord" / "annotation" / "static"
NUMBER = itertools.count()
Open = Callable[..., Any]
"""Opens the ranking page of a project for somebody new; the rest is for the browser's context."""


def lacking(what: str) -> NoReturn:
    """Leave a test out where a part of the machine is missing; a machine that must have it fails instead."""
    if os.environ.get("CONCORD_PAGES") == "require":
        pytest.fail(what)
    pytest.skip(what)


def hook() -> ModuleType:
    """The build hook, which is a file beside the package."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages() -> Path:
    """The pages, built from the sources as they are now."""
    build = hook()
    with (Path(tempfile.gettempdir()) / "concord-pages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not build.current(WEB, STATIC):
            try:
                build.build(WEB, STATIC)
            except build.Unbuilt as error:
                lacking(f"the pages cannot be built: {error}")
    return STATIC


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[object]:
    """The system's own Chromium; no longer than a file of tests, for its event loop would be in the way of others."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        lacking("no Chromium on this machine: install the package `chromium`")
    sync_api.expect.set_options(timeout=20_000)
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The rules of accessibility as a script."""
    path = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        lacking("axe-core is not installed: give `npm ci` in the folder web")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with an empty store."""
    running = Served(tmp_path_factory.mktemp("store"))
    yield running
    closed(running)


@pytest.fixture
def open_page(served: Served, browser: Any) -> Iterator[Open]:
    """Opens ranking pages, each for somebody new in a browser of their own, and closes them in the end."""
    from tests.pages.hands import at_work

    contexts = []

    def opened(slug: str, **how: Any) -> Any:
        link = served.invite(f"person {next(NUMBER)}", projects=(slug,))
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **how}))
        return at_work(contexts[-1], served, link, slug)

    yield opened
    for context in contexts:
        context.close()
