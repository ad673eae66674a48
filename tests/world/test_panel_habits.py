"""The simulated panel's manners and vices: each does what it says, and none of them changes anything when off."""

from random import Random

import pytest

from concord.errors import SettingsError
from concord.records import Completion, Prompt, digest
from concord.settings import Habits
from concord.world import GoldJudge, Panel, World
from concord.world.demonstrators import demonstrate
from concord.world.requests import read_request

JUDGE = GoldJudge()


def lists(count: int) -> list[tuple[Prompt, list[Completion]]]:
    random, found = Random(0), []
    for prompt in World().prompts(count):
        request = read_request(prompt.messages[0].content)
        assert request is not None
        found.append(
            (prompt, [Completion(prompt, demonstrate(request, "typical", random)) for _ in range(4)])
        )
    return found


def test_without_habits_the_panel_ranks_as_it_always_has() -> None:
    """The digest is of rankings by a panel that never asks for a habit."""
    told = []
    for panel in (
        Panel(JUDGE, 7, 6),
        Panel(JUDGE, 7, 6, audience="ai"),
        Panel(JUDGE, 7, 6, 1.0, lapses=0.3, leaves_tail=True),
    ):
        for prompt, answers in lists(150):
            one = panel.rank(prompt, answers)
            told.append([one.tiers, one.by, one.shown, one.all_bad, one.source])
    assert digest(told) == "d01ff88bf1c6fb56"


def first_best(habits: Habits) -> float:
    """How often the answer shown first is among the best."""
    panel = Panel(JUDGE, 1, habits=habits)
    told = [panel.rank(prompt, answers) for prompt, answers in lists(200)]
    return sum(one.shown[0] in one.tiers[0] for one in told) / len(told)


def test_a_position_bias_favours_what_is_shown_first() -> None:
    assert first_best(Habits(position=3.0)) > first_best(Habits()) + 0.2
    assert first_best(Habits(position=-3.0)) < first_best(Habits()) - 0.1


def test_a_length_bias_favours_long_answers() -> None:
    def longest(habits: Habits) -> int:
        panel, count = Panel(JUDGE, 1, habits=habits), 0
        for prompt, answers in lists(200):
            best = panel.rank(prompt, answers).tiers[0]
            words = [len(one.text.split()) for one in answers]
            count += max(words) in [words[place] for place in best]
        return count

    assert longest(Habits(length=1.0)) > longest(Habits()) + 40


def test_a_lazy_rater_names_the_best_alone() -> None:
    lazy = Panel(JUDGE, 1, habits=Habits(laziness=1.0))
    keen = Panel(JUDGE, 1)
    for prompt, answers in lists(60):
        one, other = lazy.rank(prompt, answers), keen.rank(prompt, answers)
        assert len(one.tiers) <= 2 and one.tiers[0] == other.tiers[0]
        assert sorted(place for tier in one.tiers for place in tier) == [0, 1, 2, 3]


def test_skill_makes_raters_differ_in_noise() -> None:
    same, apart = Panel(JUDGE, 1), Panel(JUDGE, 1, habits=Habits(skill=1.0))
    assert {same._noise(rater) for rater in range(6)} == {1.0}
    noises = [apart._noise(rater) for rater in range(6)]
    assert len(set(noises)) == 6 and min(noises) < 0.7 and max(noises) > 1.3


def test_vices_belong_to_the_last_raters() -> None:
    vicious = Panel(JUDGE, 1, 5, habits=Habits(flippers=1, lefties=1, copiers=1))
    fair = Panel(JUDGE, 1, 5)
    for prompt, answers in lists(40):
        assert vicious.rank(prompt, answers, 0) == fair.rank(prompt, answers, 0)
        copied = vicious.rank(prompt, answers, 4)
        assert copied.by == "rater-5" and copied.tiers == fair.rank(prompt, answers, 0).tiers
        lefty = vicious.rank(prompt, answers, 3)
        distinct = list(dict.fromkeys(answers[place].text for place in lefty.shown))
        assert [answers[tier[0]].text for tier in lefty.tiers] == distinct
        honest, flipped = fair.rank(prompt, answers, 2), vicious.rank(prompt, answers, 2)
        if len({one.text for one in answers}) == 4:
            assert flipped.tiers == honest.tiers[::-1]


def test_a_panel_of_vices_alone_is_refused() -> None:
    with pytest.raises(SettingsError, match="3 raters of a panel of 3 have a vice"):
        Panel(JUDGE, raters=3, habits=Habits(flippers=1, lefties=1, copiers=1))
