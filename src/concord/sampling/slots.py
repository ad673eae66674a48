"""Places in which answers grow side by side; what ends leaves at once, and what waits takes its place.

slots = Slots(policy)
number = slots.add(Request(tokens, seed=1, longest=64))
while slots.busy:
    heard = slots.step()   # what every answer said, and the answers that ended
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from concord.errors import RecordError
from concord.models import Policy
from concord.models.folder import context
from concord.records.text import Finish
from concord.sampling.decoder import decoder
from concord.sampling.draw import Manner, drawn
from concord.sampling.endings import Ear
from concord.sampling.looks import Look, looks

PLACES, TOKENS = 256, 2**16
"""Most answers side by side, and most tokens that they and their prompts may come to: bounded memory."""
GATHER, PATIENCE = 16, 8
"""Answers begin once a GATHERth of the places is free, or one has waited for PATIENCE steps."""


PLAIN = Manner()
"""The network's own distribution."""


@dataclass(frozen=True)
class Request:
    """What is asked: an answer to a prompt's tokens, and how to draw it."""

    prompt: Sequence[int]
    seed: int
    longest: int
    manner: Manner = PLAIN
    ends: Sequence[str] = ()
    """Texts that end the answer, beside the model's own stop tokens."""
    tops: int | None = None
    """How many of the likeliest tokens are told at each place, with the network's own log-probabilities."""


@dataclass(frozen=True)
class Said:
    """An answer that ended."""

    number: int
    tokens: list[int]
    logprobs: list[float]
    """Of each token under the distribution that it was drawn from."""
    entropies: list[float]
    """Of each of those distributions, in nats."""
    finish: Finish
    """"stop" if a stop token or an ending text came, "length" if it was cut off."""
    end: str | None
    """The text that ended it, if one did; its tokens are kept, the one that completed it is the last."""


@dataclass(frozen=True)
class Heard:
    """What one step brought."""

    tokens: list[tuple[int, int]]
    """Every answer's number and its new token."""
    ended: list[Said]
    looks: dict[int, Look] = field(default_factory=dict)
    """For answers that asked for it, what the network itself thinks of the new token."""


@dataclass
class Row:
    """An answer that grows."""

    number: int
    request: Request
    room: int
    ear: Ear | None
    said: int = 0
    end: str | None = None
    waited: int = 0


class Slots:
    """Answers that grow side by side; each is the same in whatever company it grows."""

    def __init__(
        self, policy: Policy, places: int = PLACES, tokens: int = TOKENS, dtype: torch.dtype | None = None
    ) -> None:
        """In the precision in which the policy speaks, or the one asked for."""
        self.policy, self.places, self.tokens = policy, places, tokens
        self.device = policy.compute.device
        speaking = policy.compute.speaking
        self.decoder = decoder(policy.network, replace(speaking, dtype=dtype) if dtype else speaking)
        self.limit = context(policy.network)
        self.waiting: deque[Row] = deque()
        self.rows: list[Row] = []
        self._next = 0
        self._logits = torch.zeros(0, device=self.device)
        # of each row: log-probabilities and entropies
        self._numbers = torch.zeros(2, 0, 0, device=self.device)
        self._tokens = torch.zeros(0, 0, dtype=torch.int64, device=self.device)

    @property
    def busy(self) -> bool:
        """Whether anything grows or waits."""
        return bool(self.rows or self.waiting)

    def add(self, request: Request) -> int:
        """Ask for an answer; its number, by which it is told apart from the others."""
        if not 0 < len(request.prompt) < self.limit:
            raise RecordError(
                f"A prompt has {len(request.prompt)} tokens; there must be at least 1, and fewer than the model's "
                f"context of {self.limit}, so that there is room for an answer."
            )
        if request.longest < 1:
            raise RecordError(f"An answer of at most {request.longest} tokens is none; ask for at least 1.")
        manner = request.manner
        if not (manner.temperature > 0 and manner.top_k >= 0 and 0 < manner.top_p <= 1):
            raise RecordError(
                f"{manner} is no way to draw: the temperature must be above 0, top_k 0 or more, and top_p above 0 "
                "and at most 1."
            )
        if not -(2**63) <= request.seed < 2**63:
            raise RecordError(f"The seed {request.seed} does not fit into 64 bits. Choose a smaller one.")
        if "" in request.ends:
            raise RecordError("An empty text cannot end an answer: it stands everywhere. Leave it out.")
        ear = Ear(request.ends, self.policy.template.decode) if request.ends else None
        room = min(request.longest, self.limit - len(request.prompt))
        self._next += 1
        self.waiting.append(Row(self._next - 1, request, room, ear))
        return self._next - 1

    def cancel(self, number: int) -> bool:
        """Forget an answer that waits or grows; whether there was one."""
        for row in self.waiting:
            if row.number == number:
                self.waiting.remove(row)
                return True
        for place, row in enumerate(self.rows):
            if row.number == number:
                self._leave([place])
                return True
        return False

    def run(self) -> Iterator[Said]:
        """Everything that was asked for, as it ends; the network drops no units meanwhile."""
        with self.policy.still():
            while self.busy:
                yield from self.step().ended

    @torch.inference_mode()
    def step(self) -> Heard:
        """Begin what may begin, then one more token for every answer that grows."""
        self._admit()
        if not self.rows:
            return Heard([], [])
        said = self._draw()
        heard, seen = said.tolist(), self._look(said)
        stops = self.policy.template.stops.tokens
        ended = []
        for place, (row, token) in enumerate(zip(self.rows, heard, strict=True)):
            row.said += 1
            if row.ear is not None and token not in stops:
                row.end = row.ear.hear(token)
            if token in stops or row.end is not None or row.said == row.room:
                ended.append(place)
        result = Heard(
            [(row.number, token) for row, token in zip(self.rows, heard, strict=True)],
            self._finished(ended, heard),
            seen,
        )
        if ended:
            said = said[self._leave(ended)]
        if self.rows:
            self._logits = self.decoder.go_on(said)
        return result

    def _admit(self) -> None:
        """Those who came first begin first, as many as there is room for."""
        free = self.places - len(self.rows)
        if not self.waiting or not free or (self.rows and not self.decoder.refills):
            return
        self.waiting[0].waited += 1
        if (
            self.rows
            and free * GATHER < min(self.places, len(self.rows))
            and self.waiting[0].waited < PATIENCE
        ):
            return
        new: list[Row] = []
        prompts = {tuple(row.request.prompt) for row in self.rows}
        room = max((row.room for row in self.rows), default=0)
        while self.waiting and len(new) < free:
            row = self.waiting[0]
            prompts.add(tuple(row.request.prompt))
            room = max(room, row.room)
            wide = max(map(len, prompts))
            needed = (len(self.rows) + len(new) + 1) * room + len(prompts) * wide
            if (self.rows or new) and needed > self.tokens:
                break
            new.append(self.waiting.popleft())
        if new:
            logits = self.decoder.admit([tuple(row.request.prompt) for row in new], [row.room for row in new])
            self._logits = torch.cat([self._logits, logits]) if self.rows else logits
            self.rows += new
            self._arrange()

    def _arrange(self) -> None:
        """Everything that stays the same until rows come or go."""
        count, room = len(self.rows), max(row.room for row in self.rows)
        if count > self._tokens.shape[0] or room > self._tokens.shape[1]:
            have, columns = self._tokens.shape
            size = max(count, have), max(room, columns)
            numbers, tokens = self._numbers.new_zeros(2, *size), self._tokens.new_zeros(size)
            numbers[:, :have, :columns], tokens[:have, :columns] = self._numbers, self._tokens
            self._numbers, self._tokens = numbers, tokens
        self._places = torch.arange(count, device=self.device)
        self._seeds = torch.tensor([row.request.seed for row in self.rows], device=self.device)
        self._said = torch.tensor([row.said for row in self.rows], device=self.device)
        manners: dict[Manner, list[int]] = {self.rows[0].request.manner: []}
        if any(row.request.manner is not self.rows[0].request.manner for row in self.rows):
            for place, row in enumerate(self.rows):
                manners.setdefault(row.request.manner, []).append(place)
        self._manners = [
            (manner, torch.tensor(places, device=self.device) if len(manners) > 1 else slice(None))
            for manner, places in manners.items()
        ]

    def _draw(self) -> Tensor:
        """A token for every row, with its log-probability and the entropy noted down."""
        tokens, numbers = torch.empty_like(self._places), self._numbers.new_empty(2, len(self.rows))
        for manner, places in self._manners:
            found = drawn(self._logits[places], manner, self._seeds[places], self._said[places])
            tokens[places], numbers[0, places], numbers[1, places] = found
        self._tokens[self._places, self._said] = tokens
        self._numbers[:, self._places, self._said] = numbers
        self._said += 1
        return tokens

    def _look(self, said: Tensor) -> dict[int, Look]:
        """What the network thinks of the new tokens, for the rows that asked."""
        asking = [(place, row) for place, row in enumerate(self.rows) if row.request.tops is not None]
        if not asking:
            return {}
        places = [place for place, _ in asking]
        found = looks(self._logits[places], said[places], max(row.request.tops or 0 for _, row in asking))
        pairs = zip(asking, found, strict=True)
        return {row.number: Look(one.logprob, one.tops[: row.request.tops]) for (_, row), one in pairs}

    def _finished(self, ended: list[int], heard: list[int]) -> list[Said]:
        """What ended, with all that was noted down of it."""
        if not ended:
            return []
        stops = self.policy.template.stops.tokens
        tokens, (logprobs, entropy) = self._tokens[ended].tolist(), self._numbers[:, ended].tolist()
        found = []
        for index, place in enumerate(ended):
            row, count = self.rows[place], self.rows[place].said
            stopped = row.end is not None or heard[place] in stops
            found.append(
                Said(
                    row.number,
                    tokens[index][:count],
                    logprobs[index][:count],
                    entropy[index][:count],
                    "stop" if stopped else "length",
                    row.end,
                )
            )
        return found

    @torch.inference_mode()
    def _leave(self, gone: list[int]) -> list[int]:
        """Rows leave and the last ones take their places; which row each place has now."""
        left = len(self.rows) - len(gone)
        spare = iter(sorted(set(range(left, len(self.rows))) - set(gone)))
        out = set(gone)
        kept = [next(spare) if place in out else place for place in range(left)]
        self.decoder.keep(kept)
        self.rows = [self.rows[place] for place in kept]
        self._logits = self._logits[kept]
        moved = [place for place in range(left) if kept[place] != place]
        sources = [kept[place] for place in moved]
        if moved:
            self._tokens[moved], self._numbers[:, moved] = self._tokens[sources], self._numbers[:, sources]
        if self.rows:
            self._arrange()
        return kept
