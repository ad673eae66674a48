"""The starter world: a small town with its own text, demonstrations, prompts and held-out prompts."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from concord.errors import SettingsError
from concord.records import Demonstration, Message, Prompt, prompt_key, seed_of
from concord.world import corpus
from concord.world.demonstrators import Demonstrators, demonstrate
from concord.world.requests import KINDS, Request, ask, draw_request

_TRIES = 200
"""Draws in a row that bring nothing new before a kind of request counts as used up."""


@dataclass(frozen=True, slots=True)
class World:
    """Milford, seen through one seed: the town is always the same, only what is drawn from it differs."""

    seed: int = 0
    demonstrators: Demonstrators = "typical"
    """Who writes the demonstrations; "typical" people recognise better than they demonstrate."""

    def documents(self, seed: int) -> Iterator[tuple[Message, ...]]:
        """Endless text to pretrain on: mixed dialogues, and articles as a single assistant's message."""
        return corpus.documents(seed_of(self.seed, seed))

    def demonstrations(self, n: int) -> list[Demonstration]:
        """n different prompts about seen topics, each with a reply by one of the demonstrators."""
        random = Random(seed_of("replies", self.seed, self.demonstrators))
        writer = f"{self.demonstrators}-writer"
        return [
            Demonstration(prompt, demonstrate(request, self.demonstrators, random), writer)
            for prompt, request in self._draw("demonstrations", n, hidden=False, unseen=False)
        ]

    def prompts(self, n: int) -> list[Prompt]:
        """n different prompts about seen topics in the usual wordings, to sample and to annotate."""
        return [prompt for prompt, _ in self._draw("prompts", n, hidden=False, unseen=False)]

    def held_out(self, n: int) -> list[Prompt]:
        """n prompts that nothing was learned from: half seen topics in new words, half hidden topics."""
        known = self._draw("in", (n + 1) // 2, hidden=False, unseen=True)
        new = self._draw("new", n // 2, hidden=True, unseen=True)
        return [prompt for prompt, _ in (*known, *new)]

    def _draw(self, name: str, n: int, hidden: bool, unseen: bool) -> list[tuple[Prompt, Request]]:
        """n different prompts, the kinds in turn; a kind that has run dry leaves its turn to the others."""
        random = Random(seed_of(name, self.seed))
        drawn: dict[str, tuple[Prompt, Request]] = {}
        kinds = list(KINDS)
        turn = 0
        while len(drawn) < n and kinds:
            kind = kinds[turn % len(kinds)]
            for _ in range(_TRIES):
                request = draw_request(kind, hidden, random)
                text = ask(request, unseen and not (hidden and random.random() < 0.5), random)
                if text not in drawn:
                    drawn[text] = _prompt(text, kind, "new" if hidden else "in"), request
                    turn += 1
                    break
            else:
                kinds.remove(kind)
        if len(drawn) < n:
            raise SettingsError(
                f"Milford was asked for {n} different prompts ({name}) and has about {len(drawn)}. "
                "Ask for fewer."
            )
        return list(drawn.values())


def _prompt(text: str, kind: str, topic: str) -> Prompt:
    messages = (Message("user", text),)
    return Prompt(messages, prompt_key(messages), (kind, topic))
