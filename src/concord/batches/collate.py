"""Records become token ids here, in memory or on disk, and whatever does not fit is counted and said."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, TypeVar, overload

import torch

from concord.batches import stored
from concord.batches.kinds import Lists, Sequences, pack
from concord.batches.packing import cost
from concord.batches.stored import Chances
from concord.batches.template import Rendered, Template
from concord.errors import RecordError
from concord.records import Completion, Demonstration, Ranking, Stream, digest

R = TypeVar("R")
FORMAT = 2
"""Raised when the code makes other rows of the same records, so that old stores are not taken for new ones."""
TOGETHER = 256
"""Records that are rendered at once."""
EXAMPLES = 3


@dataclass
class Fit:
    """How rendered records fared against the model's context: kept, silent, and too long with examples."""

    what: str
    limit: int
    kept: int = 0
    dropped: int = 0
    silent: int = 0
    """Rankings that put all answers in one tier."""
    examples: list[str] = field(default_factory=list)

    def admits(self, rendered: Rendered, name: str) -> bool:
        """Whether a row fits; one that does not is counted, never cut."""
        if len(rendered) <= self.limit and any(rendered.scored):
            self.kept += 1
            return True
        self.dropped += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{name} ({len(rendered)} tokens)")
        return False

    def say(self, say: Callable[[str], None]) -> None:
        """Print the counts, and refuse if nothing is left."""
        records = self.kept + self.dropped + self.silent
        if self.silent:
            say(
                f"{self.silent} of {records} {self.what} put all answers in one tier; they teach nothing and "
                "were left out."
            )
        if records and self.silent == records:
            raise RecordError(
                f"No {self.what} are left: each puts all of its answers in one tier. Rank some answers above others."
            )
        if self.dropped:
            say(
                f"{self.dropped} of {self.kept + self.dropped} {self.what} are longer than the model's context "
                f"of {self.limit} tokens and were left out, such as {', '.join(self.examples)}."
            )
        if not records:
            raise RecordError(
                f"There are no {self.what} here. Bring more of them, or change how many `hold_out` keeps back."
            )
        if not self.kept:
            raise RecordError(
                f"No {self.what} are left: each is longer than the model's context of {self.limit} tokens. "
                "Use shorter texts or a model with a longer context."
            )


@dataclass(frozen=True)
class Candidate:
    """One list ready to be batched: its rows and their tiers."""

    rows: list[Rendered]
    tiers: list[int]
    reference: list[float]
    weight: float = 1.0
    chances: Chances = ()
    """Soft labels: two rows and the chance that the first is better."""

    def __len__(self) -> int:
        return cost(self.rows)


class Made(NamedTuple):
    """The rows of one list and their tiers, its weight and soft labels; one row of tier 0 for what is no list."""

    rows: list[Rendered]
    tiers: list[int]
    weight: float = 1.0
    chances: Chances = ()


def demonstrations(
    records: Iterable[Demonstration],
    template: Template,
    limit: int,
    every_turn: bool,
    say: Callable[[str], None],
) -> Sequence[Rendered]:
    """Demonstrations as ids, those that do not fit left out and counted."""
    fit = Fit("demonstrations", limit)

    def rendered(some: Sequence[Demonstration]) -> Iterator[Made]:
        for record, row in zip(some, template.demonstrations(some, every_turn), strict=True):
            if fit.admits(row, record.prompt.id):
                yield Made([row], [0])

    made = gather(records, template, fit, rendered, say, every_turn)
    return StoredRows(made) if isinstance(made, stored.Store) else [one.rows[0] for one in made]


def rankings(
    records: Iterable[Ranking],
    template: Template,
    limit: int,
    say: Callable[[str], None],
    ties: bool = False,
) -> "Sequence[Candidate]":
    """Rankings as lists of ids: unranked candidates carry no preference and are not read.

    With `ties`, rankings that put all answers in one tier are kept, for whoever learns from ties too.
    """
    fit = Fit("rankings", limit)

    def rendered(some: Sequence[Ranking]) -> Iterator[Made]:
        telling = [one for one in some if len(one.tiers) > 1 or (ties and len(sum(one.tiers, ())) > 1)]
        fit.silent += len(some) - len(telling)
        tiers = [
            dict(sorted((place, tier) for tier, places in enumerate(record.tiers) for place in places))
            for record in telling
        ]
        said = [record.completions[place] for record, of in zip(telling, tiers, strict=True) for place in of]
        rows = iter(template.completions(said))
        for record, of in zip(telling, tiers, strict=True):
            own = list(islice(rows, len(of)))
            if not all(any(row.scored) for row in own):
                raise RecordError(
                    f"An answer to prompt {record.prompt.id} is empty and did not end, so there is nothing to learn "
                    "from it. Remove it, or mark it as ended (`finish: stop`)."
                )
            if fit.admits(max(own, key=len), record.prompt.id):
                yield Made(own, list(of.values()), record.weight, told(record, list(of)))

    made = gather(records, template, fit, rendered, say, *(("ties",) if ties else ()))
    if isinstance(made, stored.Store):
        return StoredLists(made)
    return [Candidate(one.rows, one.tiers, [], one.weight, one.chances) for one in made]


def told(record: Ranking, ranked: Sequence[int]) -> Chances:
    """A ranking's soft labels by the rows of those that were ranked."""
    row = {place: number for number, place in enumerate(ranked)}
    return tuple(
        (row[one], row[other], chance) for one, other, chance in record.chances if one in row and other in row
    )


def gather(
    records: Iterable[R],
    template: Template,
    fit: Fit,
    rendered: Callable[[Sequence[R]], Iterator[Made]],
    say: Callable[[str], None],
    *settings: object,
) -> "stored.Store | list[Made]":
    """Lists rendered once: a stream's into a store named by content, which is found again; others' into memory."""
    if not isinstance(records, Stream):
        made = [one for some in portions(records) for one in rendered(some)]
        fit.say(say)
        return made

    def fill(draft: stored.Draft) -> dict[str, Any]:
        for some in portions(records):
            for one in rendered(some):
                draft.add(*one)
        if not fit.kept:
            fit.say(say)
        return asdict(fit)

    name = digest(FORMAT, fit.what, records.name, template.digest(), fit.limit, *settings)
    folder = records.cache / f"{fit.what}-{name}"
    narrow = max(template.tokenizer.get_vocab().values()) < 2**16
    store = stored.existing(folder) or stored.made(folder, narrow, fill)
    Fit(**store.facts).say(say)
    return store


def portions(records: Iterable[R]) -> Iterator[list[R]]:
    """Some records at a time."""
    left = iter(records)
    while some := list(islice(left, TOGETHER)):
        yield some


class StoredRows(Sequence[Rendered]):
    """Rows on disk, each made when it is asked for."""

    def __init__(self, store: stored.Store) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    @overload
    def __getitem__(self, place: int) -> Rendered: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Rendered]: ...
    def __getitem__(self, place: int | slice) -> Rendered | Sequence[Rendered]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self.store.rendered(range(len(self))[place])[0]


@dataclass(frozen=True)
class StoredLists(Sequence[Candidate]):
    """Lists on disk, each made when it is asked for."""

    store: stored.Store
    reference: Sequence[float] | None = None
    """The log-probability of each row under the reference, if it was asked for."""

    def __len__(self) -> int:
        return len(self.store)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, place: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        first, last = self.store.lists[number : number + 2].tolist()
        reference = [] if self.reference is None else [float(one) for one in self.reference[first:last]]
        tiers, (weight, chances) = self.store.tiers[first:last].tolist(), self.store.told(number)
        return Candidate(self.store.rendered(number), tiers, reference, weight, chances)

    def with_reference(self, values: Sequence[float]) -> "StoredLists":
        """The same lists with what each row's reference is."""
        return replace(self, reference=values)


def completions(records: Sequence[Completion], template: Template) -> Sequences:
    """Completions packed, scored on what was said."""
    return pack([template.completion(record) for record in records])


def lists(candidates: Sequence[Candidate]) -> Lists:
    """Lists, their candidates packed, each candidate a row."""
    width = max(len(candidate.rows) for candidate in candidates)
    place = torch.zeros(len(candidates), width, dtype=torch.int64)
    tiers = torch.full((len(candidates), width), -1, dtype=torch.int64)
    rows: list[Rendered] = []
    reference: list[float] = []
    for number, candidate in enumerate(candidates):
        size = len(candidate.rows)
        place[number, :size] = torch.arange(len(rows), len(rows) + size)
        tiers[number, :size] = torch.tensor(candidate.tiers)
        rows += candidate.rows
        reference += candidate.reference or [float("nan")] * size
    weights, chances = softened(candidates, width)
    return Lists(pack(rows), place, tiers, torch.tensor(reference), weights, chances)


def softened(candidates: Sequence[Candidate], width: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The weights and soft labels of some lists; None where there are none but the usual."""
    weights = torch.tensor([one.weight for one in candidates])
    if not any(one.chances for one in candidates):
        return (None if bool((weights == 1).all()) else weights), None
    chances = torch.full((len(candidates), width, width), float("nan"))
    for number, candidate in enumerate(candidates):
        for one, other, chance in candidate.chances:
            chances[number, one, other] = chance
    return (None if bool((weights == 1).all()) else weights), chances
