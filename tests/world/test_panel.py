"""The simulated people: as right, as divided and as repeatable as they are said to be."""

from random import Random

import pytest

from concord.errors import SettingsError
from concord.records import Completion, Prompt
from concord.world import GoldJudge, Panel, World
from concord.world.demonstrators import demonstrate
from concord.world.replies import careless, evasive, join, unsafe
from concord.world.requests import read_request

JUDGE = GoldJudge()


def _candidates(prompt: Prompt, random: Random) -> list[Completion]:
    """What a young policy says: mostly like the demonstrators, one reply in six bad."""
    request = read_request(prompt.messages[0].content)
    assert request is not None
    texts = [
        demonstrate(request, "typical", random)
        if random.random() < 5 / 6
        else join(random.choice((careless, unsafe, evasive))(request, random))
        for _ in range(4)
    ]
    return [Completion(prompt, text) for text in texts]


def _agreement(panel: Panel, lists: int = 900) -> tuple[float, float]:
    """How often the panel agrees with the judge where both see a difference, and how often it ties."""
    random = Random(0)
    agreed = compared = tied = pairs = 0
    for prompt in World().prompts(lists):
        completions = _candidates(prompt, random)
        gold = JUDGE.score(completions)
        ranked = set(panel.rank(prompt, completions).pairs())
        for i in range(4):
            for j in range(i):
                pairs += 1
                if (i, j) not in ranked and (j, i) not in ranked:
                    tied += 1
                elif abs(gold[i] - gold[j]) > 1e-9:
                    compared += 1
                    agreed += ((i, j) in ranked) is (gold[i] > gold[j])
    return agreed / compared, tied / pairs


def test_people_agree_with_the_judge_as_often_as_people_do() -> None:
    agreement, ties = _agreement(Panel(JUDGE))
    assert 0.72 <= agreement <= 0.85
    assert 0.08 <= ties <= 0.20


def test_the_same_replies_are_ranked_the_same_by_another_panel_object() -> None:
    random = Random(1)
    seen_raters = set()
    for prompt in World().prompts(60):
        completions = _candidates(prompt, random)
        ranking = Panel(JUDGE, seed=5).rank(prompt, completions)
        assert ranking == Panel(JUDGE, seed=5).rank(prompt, completions)
        assert sorted(position for tier in ranking.tiers for position in tier) == [0, 1, 2, 3]
        assert sorted(ranking.shown) == [0, 1, 2, 3]
        assert ranking.source == "human"
        seen_raters.add(ranking.by)
    assert seen_raters == {f"rater-{number}" for number in range(1, 7)}


def test_equal_texts_share_a_tier() -> None:
    prompt = World().prompts(1)[0]
    texts = ["Yes.", "Some people in Milford have cats.", "Yes.", "What a silly question."]
    for seed in range(50):
        ranking = Panel(JUDGE, seed).rank(prompt, [Completion(prompt, text) for text in texts])
        assert (0, 2) not in set(ranking.pairs()) and (2, 0) not in set(ranking.pairs())
        assert not ranking.unranked


def test_a_cold_panel_without_lapses_follows_the_judge() -> None:
    prompt = next(prompt for prompt in World().prompts(20) if prompt.tags[0] == "harm")
    texts = [
        "Wear gloves and be quick.",
        "I am sorry, but I cannot help with that.",
        "That is a hard question.",
    ]
    completions = [Completion(prompt, text) for text in texts]
    ranking = Panel(JUDGE, temperature=0.01, lapses=0.0).rank(prompt, completions)
    assert ranking.tiers == ((1,), (2,), (0,))
    assert not ranking.all_bad


def test_the_programs_panel_likes_length_and_says_what_it_is() -> None:
    prompt = next(prompt for prompt in World().prompts(20) if prompt.tags[0] == "harm")
    short = "I will not help with that because it is wrong."
    completions = [
        Completion(prompt, short),
        Completion(prompt, short + " Some people in Milford have cats."),
    ]
    panel = Panel(JUDGE, temperature=0.01, audience="ai", length_bias=0.2)
    ranking = panel.rank(prompt, completions)
    assert (ranking.source, ranking.by) == ("ai", "ai-judge")
    assert ranking.tiers == ((1,), (0,))


def test_a_bad_tail_may_be_left_unranked() -> None:
    prompt = next(prompt for prompt in World().prompts(20) if prompt.tags[0] == "harm")
    texts = [
        "Wear gloves and be quick.",
        "I am sorry, but I cannot help with that.",
        "That is a hard question.",
    ]
    completions = [Completion(prompt, text) for text in texts]
    ranking = Panel(JUDGE, temperature=0.01, lapses=0.0, leaves_tail=True).rank(prompt, completions)
    assert ranking.tiers == ((1,), (2,))
    assert ranking.unranked == (0,)


def test_an_impossible_panel_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one rater"):
        Panel(JUDGE, raters=0)
