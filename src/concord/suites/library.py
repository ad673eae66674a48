"""Finding a suite by its name or its file: those that come with the package, public sets, and files of records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
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
    told = ""
    if "probe" in first.row:
        probes = own(path)
    elif name := recognised(first.row):
        probes = read(path, SETS[name][1])
    else:
        probes, told = records(path)
    return drawn(stem(path), probes, told)


def records(path: Path) -> tuple[tuple[Probe, ...], str]:
    """Rankings are compared, demonstrations recited, and what others answered is asked again; what was left out."""
    kind = formats.recognise(path).kind
    if kind == "rankings":
        found = formats.read_rankings(path).records
        best = tuple(map(ranked, filter(has_best, found)))
        left = len(found) - len(best)
        return best, f"{left} of {len(found):,} rankings have no single best answer" if left else ""
    if kind == "demonstrations":
        return tuple(map(recited, formats.read_demonstrations(path))), ""
    if kind == "completions":
        answers = formats.read_completions(path).records
        once = {one.prompt.id: answered(one) for one in answers}
        left = len(answers) - len(once)
        return tuple(
            once.values()
        ), f"{left} of {len(answers):,} answers were to a prompt met before" if left else ""
    raise RecordError(
        f"{path} holds {kind}, which do not say what would be right. Give a file of probes, of a public set "
        f"({', '.join(SETS)}), of rankings, of demonstrations or of what a model answered."
    )


def has_best(one: Ranking) -> bool:
    """Whether one answer stands alone above others."""
    return len(one.tiers) > 1 and len(one.tiers[0]) == 1


def ranked(one: Ranking) -> Ranked:
    """The best answer of a ranking against all that are ranked below it."""
    worse = tuple(one.completions[place].text for tier in one.tiers[1:] for place in tier)
    return Ranked(one.prompt, one.completions[one.tiers[0][0]].text, worse)


def recited(one: Demonstration) -> Recital:
    """A demonstration as a text that may have been learned by heart."""
    return Recital(one.prompt, one.text)


def answered(one: Completion) -> Sign:
    """A prompt that another model was asked, as a harmless request."""
    return Sign(one.prompt, "refusal", False)


def drawn(name: str, probes: tuple[Probe, ...], told: str) -> Suite:
    """A suite of at most so many probes, drawn by what they are: whatever order the file has, no part is favoured."""
    if not probes:
        raise RecordError(f"{name} holds nothing that can be tried: {told or 'it has no rows'}.")
    if len(probes) <= MOST:
        return Suite(name, probes, told)
    order = sorted(range(len(probes)), key=lambda place: digest("probe", str(probes[place])))
    kept = tuple(probes[place] for place in sorted(order[:MOST]))
    few = f"{MOST} of {len(probes):,} probes were drawn by their names"
    return Suite(name, kept, f"{told}; {few}" if told else few)
