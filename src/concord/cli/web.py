"""`concord web`: the pages on which people rank and watch runs, served from a store."""

import argparse
from pathlib import Path

from concord.cli.parser import PORTS, Parser, Verb, count
from concord.cli.voice import Voice
from concord.errors import SettingsError

FOLDER = "people"
RUNS = "runs"


def web(args: argparse.Namespace, voice: Voice) -> int:
    """Serve the pages until stopped."""
    from concord.annotation.address import place_of
    from concord.annotation.server import Front, Server
    from concord.annotation.store import Store

    front = Front(args.host, args.port, args.name, args.certificate, args.key)
    front.check()
    if (args.runs / "run.json").exists():
        raise SettingsError(
            f"{args.runs} is a run. Give `--runs` the folder that holds it: {args.runs.absolute().parent}."
        )
    if args.runs.is_file():
        raise SettingsError(f"`--runs` is {args.runs}, a file. Give the folder that holds the runs.")
    store = Store.open(place_of(args.store, FOLDER), args.migrate)
    try:
        server = Server(store, front, args.runs)
        link = server.way_in(front.local or args.link)
        told = [f"{store.name} is served on {server.origin}. Ctrl-C stops; nothing that was sent is lost."]
        told += [f"Come in once by {link}"] if link else ["`--link` prints a way in for the owner."]
        voice.tell(told, {"store": store.name, "address": server.origin, "link": link})
        server.run()
    finally:
        store.close()
    return 0


def asks(parser: Parser) -> None:
    """What `web` is told."""
    add = parser.add_argument
    where = "a folder, or the URL of a PostgreSQL database (default: CONCORD_STORE, or the folder people)"
    add("store", metavar="FOLDER|URL", nargs="?", help=where)
    add("--host", metavar="ADDRESS", default="127.0.0.1", help="where to listen (default: 127.0.0.1)")
    add(
        "--port",
        metavar="N",
        type=count(*PORTS),
        help="the port, 0 for any free one (default: 8642 or the next free one)",
    )
    add("--name", metavar="HOST", help="the name in people's browsers: that of a proxy which speaks TLS")
    add("--certificate", metavar="FILE", type=Path, help="a PEM file, to speak TLS here")
    add("--key", metavar="FILE", type=Path, help="the certificate's key")
    add(
        "--runs",
        metavar="DIR",
        type=Path,
        default=Path(RUNS),
        help="the folder whose runs reviewers may watch (default: runs)",
    )
    add(
        "--link",
        action="store_true",
        help="print a new way in for the owner, also when others can reach the server",
    )
    add(
        "--migrate",
        action="store_true",
        help="change the tables of an older PostgreSQL database, once it is copied",
    )


WEB = Verb("web", "Serve the pages on which people rank answers and watch runs.", asks, web)
