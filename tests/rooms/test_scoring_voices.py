"""A judge on this machine, whose labels are weighed by what its network finds likely."""

import math
from pathlib import Path

import pytest
import torch
from tests.rooms import families

from concord.endpoints import Question
from concord.models import Policy
from concord.records import Message
from concord.sampling import Local
from concord.scoring.voices import Here, without_system

torch.set_num_threads(1)

REFUSES = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
QUESTION = Question((Message("system", "judge"), Message("user", "which is better?")))


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy.load(families.folder(tmp_path / "gemma", "gemma"), families.CPU)


def plainly(policy: Policy, messages: tuple[Message, ...], label: str) -> float:
    """The label's log-probability by the network itself."""
    before, said = policy.template.dialogue(messages), policy.template.encode(label)
    with torch.no_grad():
        logits = policy.network(input_ids=torch.tensor([before + said])).logits[0].log_softmax(-1)
    places = range(len(before) - 1, len(before) + len(said) - 1)
    return math.fsum(float(logits[place, token]) for place, token in zip(places, said, strict=True))


def asked(policy: Policy) -> dict[str, float]:
    (reply,) = Here(policy, Local(policy, "judge", 0)).ask([QUESTION], ["A", "B"])
    assert reply.tokens is not None
    return dict(reply.tokens[0].tops)


def test_labels_weigh_what_the_network_finds_likely(policy: Policy) -> None:
    found = asked(policy)
    assert found == pytest.approx({one: plainly(policy, QUESTION.messages, one) for one in "AB"}, abs=1e-5)


def test_a_model_without_system_turns_is_told_in_the_first_turn_of_the_user(policy: Policy) -> None:
    """So it is with many a family; what Concord asks is not what its user could change."""
    policy.template.tokenizer.chat_template = REFUSES + families.GEMMA
    told = (Message("user", "judge\n\nwhich is better?"),)
    assert not policy.template.takes_system
    assert asked(policy) == pytest.approx({one: plainly(policy, told, one) for one in "AB"}, abs=1e-5)


def test_only_a_system_turn_is_moved() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    assert without_system(turns) == turns
    assert without_system((Message("system", "s"), *turns)) == (Message("user", "s\n\na"), *turns[1:])
