"""Sampling on this machine: batched, cached, and the same sample whatever the batch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from concord.errors import RecordError
from concord.models import Policy
from concord.models.folder import context
from concord.records import Completion, Prompt, seed_of
from concord.sampling.cache import keep, roomy
from concord.sampling.draw import draw, filtered, uniform

ROWS, TOKENS = 512, 2**16
"""Most sequences, and most tokens with room to grow, side by side: large products, bounded memory."""
ALIVE = 0.7
"""Finished sequences leave the batch once fewer than this share of its rows still grow."""


@dataclass(frozen=True)
class Local:
    """A policy that answers on this machine."""

    policy: Policy
    name: str
    seed: int
    temperature: float = 1.0
    longest: int = 64
    top_k: int = 0
    top_p: float = 1.0

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, each from a seed of its own, in the order of the prompts."""
        template = self.policy.template
        tokens = [self._read(prompt) for prompt in prompts]
        asked: Counter[str] = Counter()
        first = []  # a prompt that is asked again is answered anew
        for prompt in prompts:
            first.append(asked[prompt.id] * k)
            asked[prompt.id] += 1
        wanted = sorted(
            ((place, number) for place in range(len(prompts)) for number in range(k)),
            key=lambda item: (len(tokens[item[0]]), item),
        )
        done: dict[tuple[int, int], Completion] = {}
        for portion in portions([len(tokens[place]) for place, _ in wanted], self.longest):
            part = wanted[portion]
            rows = [
                Row(tokens[place], seed_of(self.seed, prompts[place].id, first[place] + number))
                for place, number in part
            ]
            self._grow(rows)
            for (place, number), row in zip(part, rows, strict=True):
                ended = row.said[-1] in template.stops.tokens if row.said else False
                done[place, number] = Completion(
                    prompts[place],
                    template.decode(row.said),
                    by=self.name,
                    seed=row.seed,
                    temperature=self.temperature,
                    finish="stop" if ended else "length",
                    tokens=tuple(row.said),
                    logprobs=tuple(row.logprobs),
                )
        return [done[place, number] for place in range(len(prompts)) for number in range(k)]

    def _read(self, prompt: Prompt) -> list[int]:
        """A prompt's ids, if they leave room for at least one token of an answer."""
        tokens, limit = self.policy.template.prompt(prompt), context(self.policy.network)
        if len(tokens) >= limit:
            raise RecordError(
                f"Prompt {prompt.id} has {len(tokens)} tokens, which leaves no room for an answer in the model's "
                f"context of {limit}. Shorten it or leave it out, or use a model with a longer context."
            )
        return tokens

    @torch.inference_mode()
    def _grow(self, rows: "list[Row]") -> None:
        """Let every row grow until it stops; rows that ended leave the batch when enough have."""
        device, stops = self.policy.compute.device, self.policy.template.stops
        limit = context(self.policy.network)
        # each row has room of its own: how much another's prompt leaves must not cut it short
        rooms = torch.tensor([min(self.longest, limit - len(row.prompt)) for row in rows], device=device)
        stop_tokens = torch.tensor(sorted(stops.tokens), device=device)
        seeds = torch.tensor([row.seed for row in rows], device=device)
        alive = torch.ones(len(rows), dtype=torch.bool, device=device)
        here = list(range(len(rows)))
        most = int(rooms.max())
        growth = Growth(self.policy, rows, most)
        for step in range(most):
            logprobs = filtered(growth.logits, self.temperature, self.top_k, self.top_p)
            tokens = draw(logprobs, uniform(seeds, step))
            likelihood = logprobs.gather(-1, tokens[:, None]).squeeze(-1)
            for place, grows, token, logprob in zip(
                here, alive.tolist(), tokens.tolist(), likelihood.tolist(), strict=True
            ):
                if grows:
                    rows[place].said.append(token)
                    rows[place].logprobs.append(logprob)
            alive &= ~torch.isin(tokens, stop_tokens) & (rooms > step + 1)
            left = int(alive.sum())
            if not left:
                return
            kept = None
            if left < ALIVE * len(here):
                kept = alive.nonzero().squeeze(-1)
                here = [here[place] for place in kept.tolist()]
                seeds, tokens, alive, rooms = seeds[kept], tokens[kept], alive[kept], rooms[kept]
            growth.go_on(tokens, kept)


def portions(lengths: Sequence[int], longest: int) -> Iterator[slice]:
    """Prompts of rising length, cut into what may grow side by side."""
    start = 0
    while start < len(lengths):
        end = start + 1
        while (
            end < len(lengths)
            and end - start < ROWS
            and (end - start + 1) * (lengths[end] + longest) <= TOKENS
        ):
            end += 1
        yield slice(start, end)
        start = end


@dataclass
class Row:
    """One sequence that grows."""

    prompt: list[int]
    seed: int
    said: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class Growth:
    """The network's side of growing: logits now, then tokens in and the next logits."""

    def __init__(self, policy: Policy, rows: Sequence[Row], room: int) -> None:
        self.network = policy.network
        self.device = policy.compute.device
        self.last = context(self.network) - 1
        width = max(len(row.prompt) for row in rows)
        self.cache = roomy(self.network.config, width + room)
        self.logits = self._read_prompts([row.prompt for row in rows], width)

    def _read_prompts(self, prompts: Sequence[list[int]], width: int) -> Tensor:
        """Each distinct prompt is read once; its cache is then shared out to all its rows."""
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        tokens = torch.zeros(len(distinct), width, dtype=torch.int64)
        self.mask = torch.zeros(len(distinct), width, dtype=torch.int64)
        for place, prompt in enumerate(distinct):
            tokens[place, width - len(prompt) :] = torch.tensor(prompt)
            self.mask[place, width - len(prompt) :] = 1
        self.mask = self.mask.to(self.device)
        self.positions = self.mask.cumsum(-1) - 1
        logits = self._forward(tokens.to(self.device), self.positions.clamp_min(0))
        number = {prompt: place for place, prompt in enumerate(distinct)}
        rows = torch.tensor([number[tuple(prompt)] for prompt in prompts], device=self.device)
        self._keep(rows)
        return logits[rows]

    def _forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        output = self.network(
            input_ids=tokens,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def _keep(self, rows: Tensor) -> None:
        keep(self.cache, rows)
        self.mask = self.mask[rows]
        self.positions = self.positions[rows, -1:]

    def go_on(self, tokens: Tensor, kept: Tensor | None) -> None:
        """Add one token to each row that stays, and expect the next."""
        if kept is not None:
            self._keep(kept)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=-1)
        # a row that ended but is still in the batch may come to its context's end, where it waits
        self.positions = (self.positions[:, -1:] + 1).clamp_max(self.last)
        self.logits = self._forward(tokens[:, None], self.positions)
