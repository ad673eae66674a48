"""Alignment by prompting: similar demonstrations stand before each question, whose answer is judged alone."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.rooms import families

from concord.errors import RecordError, SettingsError
from concord.making.likeness import Nearest, rouge_l, words
from concord.models import Policy
from concord.records import Completion, Demonstration, Message, Prompt, prompt_key
from concord.runs import load
from concord.sampling import InContext, Local
from concord.stages.contestants import policies
from concord.stages.plan import plan

torch.set_num_threads(1)
asked, CONTEXT = families.asked, 200

TEXTS = ["the sea was calm", "the boat went to the sea", "how far is the town", "a b c"]
SHOWN = [
    Demonstration(asked("how far is the town"), "ten miles"),
    Demonstration(asked("hi", "hello", "is the sea calm"), "it is"),
    Demonstration(asked("one two three"), "four"),
    Demonstration(asked("how far is the sea"), "a mile"),
]


class Repeats:
    """A sampler that says back what it was asked, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        self.asked += prompts
        return [
            Completion(one, f"{one.id}.{turn}", by="me", seed=turn) for one in prompts for turn in range(k)
        ]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("context") / "qwen3"
    return Policy.load(families.folder(path, "qwen3", max_position_embeddings=CONTEXT), families.CPU)


def told(prompt: Prompt) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in prompt.messages]


def test_t33_nearness_is_bm25() -> None:
    """By hand for one word, and the whole of one query as the library bm25s computes it (method lucene)."""
    index = Nearest(TEXTS)
    rarity = math.log(1 + (4 - 1 + 0.5) / 1.5)
    assert index.scores("Boat") == pytest.approx({1: rarity / (1 + 1.5 * (0.25 + 0.75 * 6 / 4.5))})
    assert index.scores("the sea and the town") == pytest.approx(
        {0: 0.59220929, 1: 0.60927526, 2: 0.73040864}, abs=1e-7
    )
    assert index.nearest("the sea and the town", 2) == [2, 1] and index.nearest("nothing", 3) == []
    assert Nearest([]).nearest("a", 3) == []


def test_rouge_l_by_hand() -> None:
    """The example of Lin 2004: `police killed the gunman` against two others, with beta 1."""
    right = words("Police killed the gunman.")
    assert rouge_l(right, words("police kill the gunman")) == 3 / 4
    assert rouge_l(right, words("the gunman kill police")) == 2 / 4
    assert rouge_l(words("a b c d e"), words("b x d")) == pytest.approx(2 * 2 / 8)
    assert rouge_l([], []) == 0 and rouge_l(right, []) == 0 and rouge_l(right, right) == 1


def test_t33_the_most_similar_stand_last_before_the_question(policy: Policy) -> None:
    """By words they share; who asked the very same is left out, for its answer would be copied."""
    inner = Repeats()
    prompts = [asked("how far is the sea"), asked("three")]
    said = InContext(inner, policy, SHOWN, 2, 8, system="Be brief.").sample(prompts, 2)
    assert told(inner.asked[0]) == [
        ("system", "Be brief."),
        ("user", "hi"), ("assistant", "hello"), ("user", "is the sea calm"), ("assistant", "it is"),
        ("user", "how far is the town"), ("assistant", "ten miles"),
        ("user", "how far is the sea"),
    ]  # fmt: skip
    assert told(inner.asked[1]) == [
        ("system", "Be brief."), ("user", "one two three"), ("assistant", "four"), ("user", "three"),
    ]  # fmt: skip
    # what was asked is what is judged; seeds follow from the prompt's own name
    assert [one.prompt for one in said] == [prompts[0]] * 2 + [prompts[1]] * 2
    assert [one.text for one in said] == [f"{prompt.id}.{turn}" for prompt in prompts for turn in range(2)]


def test_t33_a_prompts_own_system_message_is_kept(policy: Policy) -> None:
    messages = (Message("system", "You are a clerk."), Message("user", "how far is the sea?"))
    inner = Repeats()
    InContext(inner, policy, SHOWN, 1, 8, system="Be brief.").sample(
        [Prompt(messages, prompt_key(messages))], 1
    )
    InContext(inner, policy, SHOWN, 0, 8).sample([Prompt(messages, prompt_key(messages))], 1)
    assert told(inner.asked[0])[0] == ("system", "Be brief.\n\nYou are a clerk.")
    assert told(inner.asked[0])[1:] == [
        ("user", "how far is the sea"), ("assistant", "a mile"), ("user", "how far is the sea?"),
    ]  # fmt: skip
    assert told(inner.asked[1]) == [("system", "You are a clerk."), ("user", "how far is the sea?")]


def test_t33_only_as_many_as_fit(policy: Policy) -> None:
    """What is too long gives its place to the next, room for the answer is kept, and how many were shown is told."""
    lines: list[str] = []
    inner = Repeats()
    long = Demonstration(asked("how far is the sea and back " * 8), "ten")
    prompt = asked("how far is the sea")
    sampler = InContext(inner, policy, [long, *SHOWN], 4, 110, say=lines.append)
    sampler.sample([prompt], 1)
    assert len(policy.template.prompt(inner.asked[0])) <= CONTEXT - 110 and sampler.shown == [2]
    assert told(inner.asked[0])[-3:-1] == [("user", "how far is the town"), ("assistant", "ten miles")]
    assert lines == ["2.0 of 4 demonstrations a prompt fit into the model's context."]
    with pytest.raises(RecordError, match=r"an answer of 190 does not fit behind it"):
        InContext(inner, policy, SHOWN, 4, 190, system="Be brief.").sample([prompt], 1)


def test_t33_a_real_policy_reads_what_is_shown(policy: Policy) -> None:
    """Its answer is the one it gives to the framed prompt, whose tokens and likelihood are on record."""
    prompt = asked("how far is the sea")
    local = Local(policy, "base", 5, 1.0, 6)
    sampler = InContext(local, policy, SHOWN, 1, 6)
    (said,) = sampler.sample([prompt], 1)
    (framed,) = local.sample([sampler.framed(prompt)], 1)
    (bare,) = local.sample([prompt], 1)
    assert said.tokens == framed.tokens and said.logprobs == framed.logprobs and said.prompt == prompt
    assert said.tokens != bare.tokens


def test_t33_it_stands_in_the_same_evaluation(tmp_path: Path) -> None:
    """Off by default; then a policy like the others, made from the base and from the demonstrations' file."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("rank: {by: panel}\nrivals: {in-context-3: {method: dpo}}\n", encoding="utf-8")
    assert not any(name.startswith("in-context") for name in policies(load(recipe, ["rivals={}"])))
    loaded = load(recipe, ["rivals={}", "evaluate.in_context=3"])
    assert policies(loaded)["in-context-3"] == ""
    tasks = {task.name: task for task in plan(loaded)}
    assert tmp_path / "data/demonstrations.jsonl" in tasks["answers/in-context-3"].files
    assert tmp_path / "data/demonstrations.jsonl" not in tasks["answers/base"].files
    assert "answers/in-context-3" in tasks["evaluate"].after
    with pytest.raises(SettingsError, match="has the name of another policy"):
        policies(load(recipe))
