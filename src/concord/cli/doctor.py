"""`concord doctor`: what this machine offers, and what Concord would make of it."""

import argparse

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice


def doctor(_: argparse.Namespace, voice: Voice) -> int:
    """Tell device and precision with the reason, threads, memory, disk and versions."""
    from concord import __version__
    from concord.models import doctor as examine

    found = {"concord": __version__, **examine()}
    width = max(len(name) for name in found)
    voice.tell([f"{name:{width}}  {text}" for name, text in found.items()], {"doctor": found})
    return 0


def asks(_: Parser) -> None:
    """`doctor` is told nothing."""


DOCTOR = Verb("doctor", "Tell what this machine offers, and what Concord makes of it.", asks, doctor)
