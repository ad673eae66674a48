"""Reading the words of a command; a wrong one is an error that names the nearest right one."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from concord.cli.voice import Voice
from concord.errors import SettingsError


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are errors of ours, so that main alone decides how to tell them."""

    def error(self, message: str) -> NoReturn:
        message = message.replace(", key=value", "")  # argparse counts it among what is required; it is not
        raise SettingsError(f"{message[:1].upper()}{message[1:]}. `{self.prog} --help` tells how it is used.")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The words as values; options and settings may stand in any order."""
        args, rest = self.parse_known_intermixed_args(list(words))
        if rest:
            self.error(self._stray(rest[0]))
        return args

    def _stray(self, word: str) -> str:
        name, equals, _ = word.partition("=")
        known = [option for action in self._actions for option in action.option_strings]
        if equals and name not in known:
            return f"`{word}` is not an option; settings are given without dashes, `{word.lstrip('-')}`"
        near = difflib.get_close_matches(name, known, n=1)
        return f"`{word}` is not an option here" + (f"; did you mean `{near[0]}`" if near else "")


PORTS = 0, 65535


def count(least: int, most: int | None = None) -> "type[int]":
    """A whole number that is not below the least, nor above the most."""

    def read(word: str) -> int:
        number = int(word)
        if number < least:
            raise argparse.ArgumentTypeError(f"{word} is below {least}")
        if most is not None and number > most:
            raise argparse.ArgumentTypeError(f"{word} is above {most}")
        return number

    read.__name__ = "whole number"
    return read  # type: ignore[return-value]


@dataclass(frozen=True)
class Verb:
    """One thing that can be asked for: what it does in a sentence, its options, and who does it."""

    name: str
    sentence: str
    options: Callable[[Parser], None]
    act: Callable[[argparse.Namespace, Voice], int]

    def parser(self) -> Parser:
        """The parser of this verb's words."""
        parser = Parser(prog=f"concord {self.name}", description=self.sentence, allow_abbrev=False)
        self.options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
        return parser
