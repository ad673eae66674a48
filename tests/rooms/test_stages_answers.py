"""Which held-out prompts are asked more often, and how their answers are put together."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from concord.errors import RecordError
from concord.records import Completion, Message, Prompt, Ranking
from concord.stages.answers import Examiner, gathered, some
from concord.stages.guidance import of_aspects
from concord.world import World


def test_prompts_asked_more_often_favour_no_kind() -> None:
    """The world hands out its kinds in turn; every sixth prompt would miss half of the eight kinds."""
    prompts = World().held_out(600)
    drawn = some(prompts, 100)
    assert len({prompt.id for prompt in drawn}) == 100
    assert drawn == some(prompts[::-1], 100)
    kinds = Counter(prompt.tags[0] for prompt in drawn)
    splits = Counter(prompt.tags[1] for prompt in drawn)
    assert len(kinds) == 8 and min(kinds.values()) >= 5
    assert min(splits.values()) >= 35


def test_answers_to_one_prompt_are_gathered_in_order() -> None:
    rows = [
        {
            "prompt_id": place // 2,
            "kind": "k",
            "split": None,
            "proxy": place,
            "gold": -place,
            "text": str(place),
        }
        for place in range(4)
    ]
    assert gathered(rows, 2) == [
        {"prompt_id": 0, "kind": "k", "split": None, "proxy": [0, 1], "gold": [0, -1], "texts": ["0", "1"]},
        {"prompt_id": 1, "kind": "k", "split": None, "proxy": [2, 3], "gold": [-2, -3], "texts": ["2", "3"]},
    ]


class Same:
    """A scorer with one opinion."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [0.5] * len(completions)


def test_each_answer_is_kept_with_how_likely_its_tokens_were_on_average() -> None:
    prompt = Prompt((Message("user", "hi"),), "p", ("kind", "new"))
    said = [Completion(prompt, "a b", logprobs=(-1.0, -3.0)), Completion(prompt, "c")]
    first, second = Examiner(Same(), Same()).rows(said)
    assert (first["logprob"], first["words"], first["proxy"], first["split"]) == (-2.0, 2, 0.5, "new")
    assert second["logprob"] is None and second["marks"] == {}


def test_one_reward_model_cannot_learn_two_aspects(tmp_path: Path) -> None:
    prompt = Prompt((Message("user", "hi"),), "p")
    both = tuple(Completion(prompt, text) for text in ("a", "b"))
    helpful = Ranking(prompt, both, ((0,), (1,)), aspect="helpful")
    harmless = Ranking(prompt, both, ((1,), (0,)), aspect="harmless")
    assert list(of_aspects([helpful, helpful], tmp_path, ())) == [helpful, helpful]
    with pytest.raises(RecordError, match="2 aspects \\(harmless, helpful\\)"):
        list(of_aspects([helpful, harmless], tmp_path, ()))
