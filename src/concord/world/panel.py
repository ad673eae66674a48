"""Simulated people who rank replies: mostly as the judge would, with taste, noise and lapses of their own."""

import math
from collections.abc import Sequence
from random import Random
from typing import Literal

from concord.errors import SettingsError
from concord.records import Completion, Prompt, Ranking, prompt_key, seed_of
from concord.roles import Scorer

Audience = Literal["people", "ai"]
SAME = 0.25
"""Two replies this close in worth may be put side by side."""
_TIED = 0.9
_CAUTION = 0.6
_BREVITY = 0.05


class Panel:
    """A ranker of several simulated raters, each with a little taste of his own.

    A rater draws an order from the Plackett-Luce model of the judge's scores plus his taste: one half of the
    raters like replies short, the other half like caution. Now and then he does not look at all (a lapse). An
    "ai" panel is one program without lapses that likes long replies. The same prompt and replies are always
    ranked the same way.
    """

    def __init__(
        self,
        judge: Scorer,
        seed: int = 0,
        raters: int = 6,
        temperature: float = 1.0,
        lapses: float = 0.05,
        *,
        audience: Audience = "people",
        length_bias: float = 0.04,
        leaves_tail: bool = False,
    ) -> None:
        if raters < 1 or temperature <= 0.0 or not 0.0 <= lapses <= 1.0:
            raise SettingsError(
                f"A panel of {raters} raters at temperature {temperature} with {lapses} lapses cannot be. "
                "Use at least one rater, a temperature above 0, and a share of lapses from 0 to 1."
            )
        self._judge = judge
        self._seed = seed
        self._raters = raters
        self._temperature = temperature
        self._lapses = 0.0 if audience == "ai" else lapses
        self._audience = audience
        self._length_bias = length_bias
        self._leaves_tail = leaves_tail

    def rank(self, prompt: Prompt, completions: Sequence[Completion]) -> Ranking:
        """The completions in tiers by the rater whom the prompt falls to."""
        name = prompt.id or prompt_key(prompt.messages)
        random = Random(seed_of("panel", self._seed, name, [one.text for one in completions]))
        rater = seed_of("rater", self._seed, name) % self._raters
        shown = random.sample(range(len(completions)), len(completions))
        worth = [
            score + self._taste(rater, one.text)
            for score, one in zip(self._judge.score(completions), completions, strict=True)
        ]
        if random.random() < self._lapses:
            tiers = [[position] for position in random.sample(shown, len(shown))]
        else:
            tiers = self._tiers(worth, shown, random)
        tiers = _join_twins(tiers, completions)
        bottom = max(worth, default=0.0) < 0.0
        if self._leaves_tail and len(tiers) > 2 and max(worth[position] for position in tiers[-1]) < 0.0:
            tiers = tiers[:-1]
        return Ranking(
            prompt=prompt,
            completions=tuple(completions),
            tiers=tuple(tuple(sorted(tier)) for tier in tiers),
            by="ai-judge" if self._audience == "ai" else f"rater-{rater + 1}",
            source="ai" if self._audience == "ai" else "human",
            shown=tuple(shown),
            all_bad=bottom,
        )

    def _taste(self, rater: int, text: str) -> float:
        words = len(text.split())
        if self._audience == "ai":
            return self._length_bias * words
        if rater % 2 == 0:
            return -_BREVITY * max(0, words - 10)
        cautious = "cannot help" in text or "will not" in text or "doctor" in text
        return _CAUTION if cautious else 0.0

    def _tiers(self, worth: list[float], shown: list[int], random: Random) -> list[list[int]]:
        """An order drawn from Plackett-Luce (worth plus Gumbel noise), with neighbours of like worth tied."""
        felt = {position: worth[position] + self._temperature * _gumbel(random) for position in shown}
        tiers: list[list[int]] = []
        for position in sorted(shown, key=lambda position: -felt[position]):
            like = bool(tiers) and all(abs(worth[position] - worth[other]) <= SAME for other in tiers[-1])
            if like and random.random() < _TIED:
                tiers[-1].append(position)
            else:
                tiers.append([position])
        return tiers


def _gumbel(random: Random) -> float:
    return -math.log(-math.log(random.uniform(1e-12, 1.0 - 1e-12)))


def _join_twins(tiers: list[list[int]], completions: Sequence[Completion]) -> list[list[int]]:
    """Nobody prefers one of two equal texts: each stands where its best twin stands."""
    first: dict[str, int] = {}
    joined: list[list[int]] = []
    for tier in tiers:
        place = len(joined)
        joined.append([])
        for position in tier:
            joined[first.setdefault(completions[position].text, place)].append(position)
    return [tier for tier in joined if tier]
