"""Finding a suite by its name or its file: those that come with the package, public sets, and files of records."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from concord import formats
from concord.errors import RecordError, SettingsError
from concord.formats.containers import rows, stem
from concord.formats.fields import Fault
from concord.records import Completion, Demonstration, Ranking, digest
from concord.suites.foreign import SETS, recognised
from concord.suites.probes import Probe, Ranked, Recital, Sign, Suite
from concord.suites.rows import read_probe

GENERAL = (
    "helpful", "honest", "harmless", "refusal", "urgent", "sycophancy", "bias", "privacy", "instructions",
    "truthfulness",
)  # fmt: skip
MILFORD = ("milford-refusal", "milford-unknown", "milford-urgent", "milford-facts", "milford-bias")
NAMED: dict[str, tuple[str, ...]] = {
    "general": GENERAL,
    "milford": MILFORD,
    **{name: (name,) for name in (*GENERAL, *MILFORD)},
}
"""Every name that can be asked for, and the suites behind it."""
MOST = 500
"""Most probes of a file that are used; of more, so many are drawn by their names."""
SHOWN = 20
"""Faults that a message shows."""


def suites(asked: Iterable[str], folder: Path = Path()) -> list[Suite]:
    """The suites behind some names and files, each once; files are counted from the folder."""
    found: dict[str, Suite] = {}
    for one in asked:
        if one in NAMED:
            found |= {name: bundled(name) for name in NAMED[one]}
            continue
        path = folder / one
        if not path.exists():
            raise SettingsError(unknown(one, path))
        suite = from_file(path)
        if suite.name in found:
            raise SettingsError(f"Two suites are called {suite.name}. Rename the file {path}.")
        found[suite.name] = suite
    return list(found.values())


def unknown(one: str, path: Path) -> str:
    """What to say of a name that is neither a suite nor a file."""
    near = get_close_matches(one, NAMED, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"The suites are {', '.join(NAMED)}."
    return f"`{one}` is no suite, and there is no file {path}. {hint}"


@cache
def bundled(name: str) -> Suite:
    """A suite that comes with the package."""
    return Suite(name, own(Path(str(files("concord.suites").joinpath("sets", f"{name}.jsonl")))))


@dataclass(frozen=True)
class Faults:
    """What is wrong with a file's rows."""

    path: Path
    told: list[str]

    def add(self, line: int, fault: Fault) -> None:
        """Note one."""
        self.told.append(f"{self.path}:{line}: {fault}")

    def check(self, count: int) -> None:
        """Refuse the file if there is any."""
        if not self.told:
            return
        more = [f"  ... and {len(self.told) - SHOWN:,} more."] if len(self.told) > SHOWN else []
        lines = [f"  {one}" for one in self.told[:SHOWN]]
        top = f"{self.path}: {len(self.told):,} of {count:,} rows cannot be read, so nothing was tried."
        raise RecordError("\n".join([top, *lines, *more, "Correct them."]))


def read(path: Path, reader: Callable[[dict[str, Any]], Probe]) -> tuple[Probe, ...]:
    """Every row of a file as a probe; a fault in any of them refuses the file."""
    faults, probes, count = Faults(path, []), list[Probe](), 0
    for count, line in enumerate(rows(path), start=1):  # noqa: B007
        try:
            if line.fault is not None:
                raise line.fault
            probes.append(reader(line.row))
        except Fault as fault:
            faults.add(line.number, fault)
    faults.check(count)
    return tuple(probes)


def own(path: Path) -> tuple[Probe, ...]:
    """The probes of a file in Concord's own shape."""
    return read(path, read_probe)


def from_file(path: Path) -> Suite:
    """The suite in a file, whatever it is: Concord's own shape, a public set, or records that can be tried."""
    first = next(iter(rows(path)), None)
    if first is None:
        raise RecordError(f"{path} is empty: it has no rows.")
    if first.fault is not None:
        raise RecordError(f"{path}:{first.number}: {first.fault}")
    if "probe" in first.row:
        probes = own(path)
    elif name := recognised(first.row):
        probes = read(path, SETS[name][1])
    else:
        probes = records(path)
    return drawn(stem(path), probes)


def records(path: Path) -> tuple[Probe, ...]:
    """Rankings are compared, demonstrations recited, and what others answered is asked again."""
    kind = formats.FORMATS[formats.recognise(path).format].kind
    if kind == "rankings":
        return tuple(chain.from_iterable(map(ranked, formats.read_rankings(path))))
    if kind == "demonstrations":
        return tuple(map(recited, formats.read_demonstrations(path)))
    if kind == "completions":
        found = {one.prompt.id: answered(one) for one in formats.read_completions(path)}
        return tuple(found.values())
    raise RecordError(
        f"{path} holds {kind}, which do not say what would be right. Give a file of probes, of a public set "
        f"({', '.join(SETS)}), of rankings, of demonstrations or of what a model answered."
    )


def ranked(one: Ranking) -> Sequence[Ranked]:
    """A ranking whose first tier holds one answer: it against all that are ranked below."""
    if len(one.tiers) < 2 or len(one.tiers[0]) != 1:
        return ()
    worse = tuple(one.completions[place].text for tier in one.tiers[1:] for place in tier)
    return (Ranked(one.prompt, one.completions[one.tiers[0][0]].text, worse),)


def recited(one: Demonstration) -> Recital:
    """A demonstration as a text that may have been learned by heart."""
    return Recital(one.prompt, one.text)


def answered(one: Completion) -> Sign:
    """A prompt that another model was asked, as a harmless request."""
    return Sign(one.prompt, "refusal", False)


def drawn(name: str, probes: tuple[Probe, ...]) -> Suite:
    """A suite of at most so many probes, drawn by what they are: whatever order the file has, no part is favoured."""
    if not probes:
        raise RecordError(f"{name} holds nothing that can be tried: no ranking has one best answer.")
    if len(probes) <= MOST:
        return Suite(name, probes)
    order = sorted(range(len(probes)), key=lambda place: digest("probe", str(probes[place])))
    kept = tuple(probes[place] for place in sorted(order[:MOST]))
    return Suite(name, kept, f"{MOST} of {len(probes):,} probes were drawn by their names")
