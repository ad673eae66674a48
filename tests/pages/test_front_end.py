"""The front end's own tests, whether it still speaks as the server does, and the wheel. Types: `make check`."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.pages.conftest import ROOT, STATIC, WEB, hook, lacking
from tests.pages.served import Served, closed

DOCUMENT = ROOT / "src" / "concord" / "annotation" / "openapi.json"
TYPES = WEB / "src" / "api.ts"


def part(script: str) -> str:
    """A tool of the front end, as `npm ci` left it."""
    path = WEB / "node_modules" / script
    if not path.is_file():
        lacking("the parts of the front end are not installed: give `npm ci` in the folder web")
    return str(path)


def carry_out(*command: str) -> None:
    node, _ = hook().brought() or hook().installed() or lacking("no Node.js")
    done = subprocess.run(
        [*node, *command], cwd=WEB, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_front_ends_own_tests_pass() -> None:
    carry_out(part("vitest/vitest.mjs"), "run")


@pytest.mark.slow
def test_types_are_generated_from_what_the_server_says() -> None:
    """Give `make pages` after a change of the API."""
    carry_out(part("openapi-typescript/bin/cli.js"), str(DOCUMENT), "--output", str(TYPES), "--check")


def test_no_page_makes_markup_of_text() -> None:
    for path in sorted((WEB / "src").glob("*.ts*")):
        text = path.read_text(encoding="utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert word not in text, f"{path.name} uses {word}"


def test_pages_are_small_and_load_nothing_from_elsewhere(pages: Path) -> None:
    assert sum(file.stat().st_size for file in STATIC.rglob("*") if file.is_file()) < 150_000
    text = (pages / "index.html").read_text(encoding="utf-8")
    assert "http" not in text and "<style" not in text and "<script>" not in text


BUILD = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"


@pytest.mark.slow
def test_the_wheel_serves_every_page_and_asset(pages: Path, tmp_path: Path) -> None:
    """Built by the hook, installed beside nothing else of this checkout, and asked for everything it names."""
    wheel, package, store = tmp_path / "wheel", tmp_path / "package", tmp_path / "store"
    store.mkdir()
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(wheel)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    name = built.stdout.split()[-1]
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(package), str(wheel / name)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    assert not (package / "web").exists()
    served = Served(store, package)
    try:
        with urllib.request.urlopen(served.origin + "/") as reply:
            page = reply.read().decode()
            assert "default-src 'none'" in reply.headers["content-security-policy"]
        named = re.findall(r'(?:src|href)="\./([^"]+)"', page)
        assert {Path(file).suffix for file in named} == {".js", ".css", ".svg"}
        for file in named:
            with urllib.request.urlopen(f"{served.origin}/{file}") as reply:
                assert reply.read() == (pages / file).read_bytes()
    finally:
        closed(served)
