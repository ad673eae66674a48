"""The build hook: what it needs, what it makes, and what it leaves where it cannot make anything."""

import shutil
import sys
from pathlib import Path

import pytest
from tests.pages.conftest import hook

hatch_build = hook()


def sources(folder: Path) -> Path:
    """A little web folder."""
    (folder / "web" / "src").mkdir(parents=True)
    (folder / "web" / "src" / "main.ts").write_text("1")
    (folder / "web" / "index.html").write_text("2")
    return folder / "web"


def test_pages_are_built_once_for_each_state_of_their_sources(tmp_path: Path) -> None:
    web, static = sources(tmp_path), tmp_path / "static"
    ran: list[list[str]] = []

    def run(command: list[str], folder: Path) -> None:
        ran.append(command)
        static.mkdir(exist_ok=True)
        assert folder != web, "npm works in a folder that is thrown away"

    assert not hatch_build.current(web, static)
    hatch_build.build(web, static, run)
    assert [command[-1] for command in ran] == ["--fetch-timeout=30000", "--emptyOutDir"]
    assert hatch_build.current(web, static)
    (web / "src" / "main.ts").write_text("changed")
    assert not hatch_build.current(web, static)
    shutil.rmtree(web)
    assert hatch_build.current(web, static), "a source distribution brings the pages along"


def test_versions_that_the_bundler_runs_on() -> None:
    assert [version for version in ("v20.18.9", "v20.19.0", "v21.9.0", "v22.11.0", "v22.12.0", "v24.1.0", "")
            if hatch_build.new_enough(f"{version}\n")] == ["v20.19.0", "v22.12.0", "v24.1.0"]  # fmt: skip


def test_what_fails_is_told_on_a_page_that_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(hatch_build.Unbuilt, match="oh no <script>"):
        hatch_build.carry_out(
            [sys.executable, "-c", "import sys; sys.exit('error: oh no <script>')"], tmp_path
        )
    hatch_build.explain(tmp_path / "static", "oh no <script>")
    page = (tmp_path / "static" / "index.html").read_text()
    assert "oh no &lt;script&gt;" in page and "All else of Concord works" in page
    assert not hatch_build.current(tmp_path, tmp_path / "static"), "the next install tries again"


def test_the_reason_is_npms_own() -> None:
    said = (
        "npm error code ECONNREFUSED\nnpm error FetchError: failed, reason: connect ECONNREFUSED\nnpm error x"
    )
    assert hatch_build.reason(said) == (
        "npm or the bundler said: FetchError: failed, reason: connect ECONNREFUSED."
    )
