"""Where a store lies: a folder of this machine, or a PostgreSQL server's database by its URL."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from concord.errors import SettingsError, StoreError
from concord.records.files import storing

FILE = "store.sqlite"
SECRET = frozenset(("password", "sslpassword"))
"""What of a URL's query is a password, too."""
VARIABLE = "CONCORD_STORE"
"""Names the store where a URL must not be written down, for it holds a password."""


def without_secret(place: str) -> str:
    """The same place, if it may be written on a command line or into a recipe: both are read by others."""
    if "://" in place and (parsed(place).password is not None or SECRET.intersection(parsed(place).query)):
        raise SettingsError(
            "The URL of the store holds a password, which other users of this machine could read. Leave it out "
            f"and put it into ~/.pgpass or PGPASSWORD, or put the whole URL into {VARIABLE}."
        )
    return place


def place_of(given: str | None, otherwise: str | Path) -> str:
    """The store that is meant: as given, or as the environment says, or the usual one."""
    return without_secret(given) if given else os.environ.get(VARIABLE) or str(otherwise)


def parsed(place: str) -> URL:
    """A URL in its parts."""
    try:
        return make_url(place)
    except ArgumentError:
        raise SettingsError(
            "The URL of the store cannot be read. It looks like postgresql://user@host:5432/database."
        ) from None


def url_of(place: str) -> URL:
    """The URL of a place; a folder is made if it is not there yet, for nobody else to look into."""
    if "://" not in place:
        return URL.create("sqlite", database=str(private(in_folder(Path(place)) / FILE)))
    url = parsed(place)
    kind = url.get_backend_name()
    if kind in ("postgresql", "postgres"):
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise StoreError(
                f"{shown(url)} is a PostgreSQL server, for which psycopg is needed. "
                "Give `pip install 'concord-align[postgresql]'`."
            ) from None
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database:
        in_folder(Path(url.database).parent)
        return URL.create("sqlite", database=str(private(Path(url.database))))
    raise SettingsError(
        f"A store cannot lie in `{kind}`. Name a folder, or a URL such as postgresql://user@host/database."
    )


def in_folder(folder: Path) -> Path:
    """The folder, there and private."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file. Name a folder for the store.")
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def private(file: Path) -> Path:
    """The file, there and for nobody else to read; what SQLite puts beside it is as private."""
    with storing(file):
        file.touch(mode=0o600)
    return file


def shown(url: URL) -> str:
    """A URL as messages may show it."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    kept = {name: value for name, value in url.query.items() if name not in SECRET}
    return url.set(drivername=url.get_backend_name(), query=kept).render_as_string(hide_password=True)
