"""A PostgreSQL server of one's own for as long as it is needed, from the programs that the system has."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WHERE = "/usr/lib/postgresql/*/bin"
MISSING = f"there is no PostgreSQL server here: neither in {WHERE} nor an initdb on the PATH"


def programs() -> Path | None:
    """Where the server's programs lie, the newest first."""
    folders = sorted(Path("/").glob(WHERE[1:]), key=lambda path: path.parent.name.zfill(4), reverse=True)
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def nobody() -> dict[str, Any]:
    """Whom the server runs as: it refuses to run as root."""
    known = {one.pw_name: one for one in pwd.getpwall()}
    found = known.get("postgres") or known.get("nobody")
    if os.getuid() != 0 or found is None:
        return {}
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


@contextmanager
def running(durable: bool) -> Iterator[str]:
    """A server that only this machine can reach; gives the URL of its databases, `%s` in place of their name.

    Not durable, it may lose everything if the machine stops: enough for tests, and faster.
    """
    where = programs()
    if where is None:
        raise FileNotFoundError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="concord-pg-", dir="/tmp"))  # a socket's path must be short
    who = nobody()
    if who:
        os.chown(folder, who["user"], who["group"])
    how: dict[str, Any] = {"capture_output": True, "cwd": folder, **who}
    fsync = "on" if durable else "off"
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync={fsync} -c max_connections=200"
    )
    try:
        new = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username=concord"]
        subprocess.run([str(where / "initdb"), "-D", str(folder / "data"), *new], check=True, **how)
        begin = ["-w", "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run([str(where / "pg_ctl"), "-D", str(folder / "data"), *begin], check=True, **how)
        yield f"postgresql://concord@/%s?host={folder}"
    finally:
        stop = ["-D", str(folder / "data"), "-m", "immediate", "stop"]
        subprocess.run([str(where / "pg_ctl"), *stop], check=False, capture_output=True, cwd="/", **who)
        shutil.rmtree(folder, ignore_errors=True)
