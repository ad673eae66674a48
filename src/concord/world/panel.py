"""Simulated people who rank replies: mostly as the judge would, with taste, noise and lapses of their own."""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Literal

from concord.errors import SettingsError
from concord.records import Completion, Prompt, Ranking, prompt_key, seed_of
from concord.roles import Scorer
from concord.settings import Habits

Audience = Literal["people", "ai"]
SAME = 0.25
"""Two replies this close in worth may be put side by side."""
_TIED = 0.9
_CAUTION = 0.6
_ENOUGH, _BREVITY = 20, 0.05
"""Words that a good answer may need, and what each further one costs with a rater who likes replies short."""


class Panel:
    """A ranker of several simulated raters, each with a little taste of his own.

    A rater draws an order from the Plackett-Luce model of the judge's scores plus his taste: one half of the
    raters mind what is longer than it need be, the other half like caution. Now and then he does not look at
    all (a lapse). An "ai" panel is one program without lapses that likes long replies. The same prompt and
    replies are always ranked the same way. Habits add manners to all raters and vices to the last of them:
    those who flip, those who rank as shown, those who copy the first rater. Without habits nothing is drawn.
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
        habits: Habits | None = None,
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
        self._habits = habits or Habits()
        vicious = self._habits.flippers + self._habits.lefties + self._habits.copiers
        if vicious >= raters:
            raise SettingsError(
                f"{vicious} raters of a panel of {raters} have a vice, so nobody is left who ranks as people do. "
                "Take more `raters`, or fewer `flippers`, `lefties` and `copiers`."
            )

    def rank(self, prompt: Prompt, completions: Sequence[Completion], rater: int | None = None) -> Ranking:
        """The completions in tiers by the rater whom the prompt falls to, or by one of your choice, from 0."""
        name = prompt.id or prompt_key(prompt.messages)
        asked = () if rater is None else (rater,)
        if rater is None:
            rater = seed_of("rater", self._seed, name) % self._raters
        if self._vice(rater) == "copier":
            return replace(self.rank(prompt, completions, 0), by=f"rater-{rater + 1}")
        random = Random(seed_of("panel", self._seed, name, [one.text for one in completions], *asked))
        shown = random.sample(range(len(completions)), len(completions))
        worth = [
            score + self._taste(rater, one.text)
            for score, one in zip(self._judge.score(completions), completions, strict=True)
        ]
        if random.random() < self._lapses:
            tiers = [[position] for position in random.sample(shown, len(shown))]
        else:
            tiers = self._tiers(self._seen(worth, shown, completions), shown, random, self._noise(rater))
        tiers = self._spoilt(tiers, shown, rater, random)
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
            return -_BREVITY * max(0, words - _ENOUGH)
        cautious = "cannot help" in text or "will not" in text or "doctor" in text
        return _CAUTION if cautious else 0.0

    def _vice(self, rater: int) -> str:
        """What is wrong with a rater; the last of the panel have vices."""
        habits, place = self._habits, self._raters - 1 - rater
        for vice, count in (
            ("copier", habits.copiers),
            ("lefty", habits.lefties),
            ("flipper", habits.flippers),
        ):
            if place < count:
                return vice
            place -= count
        return ""

    def _noise(self, rater: int) -> float:
        """A rater's temperature: skilful ones are cooler."""
        if not self._habits.skill:
            return self._temperature
        skill = Random(seed_of("skill", self._seed, rater)).gauss(0.0, 1.0)
        return self._temperature * math.exp(self._habits.skill * skill)

    def _seen(self, worth: list[float], shown: list[int], completions: Sequence[Completion]) -> list[float]:
        """Worth as it looks on the page: what is shown first, or is long, may gain."""
        habits = self._habits
        if not habits.position and not habits.length:
            return worth
        last = max(1, len(shown) - 1)
        return [
            value
            + habits.position * (1 - shown.index(place) / last)
            + habits.length * len(completions[place].text.split())
            for place, value in enumerate(worth)
        ]

    def _spoilt(
        self, tiers: list[list[int]], shown: list[int], rater: int, random: Random
    ) -> list[list[int]]:
        """What a rater hands in: turned round, as shown, or the best one alone."""
        vice = self._vice(rater)
        if vice == "lefty":
            return [[position] for position in shown]
        if vice == "flipper":
            return tiers[::-1]
        if self._habits.laziness and random.random() < self._habits.laziness and len(tiers) > 2:
            return [tiers[0], sorted(position for tier in tiers[1:] for position in tier)]
        return tiers

    def _tiers(
        self, worth: list[float], shown: list[int], random: Random, temperature: float
    ) -> list[list[int]]:
        """An order drawn from Plackett-Luce (worth plus Gumbel noise), with neighbours of like worth tied."""
        felt = {position: worth[position] + temperature * _gumbel(random) for position in shown}
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
