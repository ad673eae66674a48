"""Slots: texts that end an answer, wherever the borders of tokens fall, and answers that are called off."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rooms import families
from tests.rooms.speaking import answers, some

from concord.models import Policy
from concord.sampling import Request, Slots
from concord.sampling.endings import Ear, Mouth, cut

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    place = tmp_path_factory.mktemp("endings")
    return {
        name: Policy.load(families.folder(place / name, name), families.CPU) for name in ("llama", "gpt2")
    }


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.slow
def test_texts_that_end_an_answer(name: str, policies: dict[str, Policy]) -> None:
    """Cut after the first token whose text, all decoded anew, holds the ending; also where it spans tokens."""
    policy = policies[name]
    spanning = 0
    for request in some(24)[::2]:
        (whole,) = answers(Slots(policy), [request])
        text = policy.template.decode(whole.tokens)
        for start in range(0, len(text) - 4, 3):
            end = text[start : start + 4]
            if "\ufffd" in end:
                continue
            count = next(n for n in range(1, 99) if end in policy.template.decode(whole.tokens[:n]))
            spanning += end not in policy.template.decode([whole.tokens[count - 1]])
            slots = Slots(policy)
            said, other = answers(
                slots, [Request(request.prompt, request.seed, 24, ends=("never said", end)), request]
            )
            assert said.tokens == whole.tokens[:count] and said.logprobs == pytest.approx(
                whole.logprobs[:count], abs=1e-5
            )
            assert (said.finish, said.end) == ("stop", end)
            assert other.tokens == whole.tokens
    assert spanning > 3


def test_letters_of_several_tokens_can_end_an_answer(policies: dict[str, Policy]) -> None:
    """The bytes of one letter come one by one; the text that holds it is heard with the last of them."""
    template = policies["llama"].template
    tokens = template.encode("ab ü€😀 cd")
    ear = Ear(["€😀 "], template.decode)
    heard = [ear.hear(token) for token in tokens]
    place = next(place for place, end in enumerate(heard) if end)
    assert "€😀 " in template.decode(tokens[: place + 1])
    assert "€😀 " not in template.decode(tokens[:place])


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_cancel(name: str, policies: dict[str, Policy]) -> None:
    """What is cancelled is never heard again, the others go on as if nothing had been."""
    policy, requests = policies[name], some()
    texts = [said.tokens for said in answers(Slots(policy), requests)]
    slots = Slots(policy, places=5)
    numbers = [slots.add(request) for request in requests]
    spoken: dict[int, list[int]] = {number: [] for number in numbers}
    ended, step = {}, 0
    while slots.busy:
        if step == 2:
            assert slots.cancel(numbers[1]) and slots.cancel(numbers[-1]) and not slots.cancel(999)
            before = len(spoken[numbers[1]])
        heard = slots.step()
        for number, token in heard.tokens:
            spoken[number].append(token)
        ended.update({said.number: said.tokens for said in heard.ended})
        step += 1
    assert before == len(spoken[numbers[1]]) == 2 and not spoken[numbers[-1]]
    assert not slots.cancel(numbers[0])
    kept = [number for number in numbers if number not in (numbers[1], numbers[-1])]
    assert sorted(ended) == kept
    assert [spoken[number] for number in kept] == [ended[number] for number in kept]
    assert [ended[number] for number in kept] == [texts[number] for number in kept]


@settings(max_examples=300)
@given(
    st.text("abé\u4e2d", max_size=30),
    st.lists(st.text("abé\u4e2d", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(1, 5), min_size=1, max_size=30),
)
def test_pieces_are_the_text_up_to_its_end_and_nothing_has_to_be_taken_back(
    text: str, ends: list[str], sizes: list[int]
) -> None:
    """Tokens are runs of bytes, cut anywhere; an answer stops with the token that completes an ending."""
    raw, tokens, start = text.encode(), list[bytes](), 0
    while start < len(raw):
        size = sizes[len(tokens) % len(sizes)]
        tokens.append(raw[start : start + size])
        start += size

    def decode(ids: list[int]) -> str:
        return b"".join(tokens[one] for one in ids).decode("utf-8", "replace")

    mouth, said, heard = Mouth(ends, decode), "", list[int]()
    for token in range(len(tokens)):
        heard.append(token)
        if any(end in decode(heard) for end in ends) or token == len(tokens) - 1:
            break
        said += mouth.hear(token)
    whole = cut(decode(heard), ends)
    assert whole.startswith(said)
    assert said + mouth.last(whole) == whole


def test_what_may_become_an_ending_is_held_back_until_it_is_known() -> None:
    letters = "xENyEND"
    mouth = Mouth(["END"], lambda ids: "".join(letters[one] for one in ids))
    assert [mouth.hear(token) for token in range(6)] == ["x", "", "", "ENy", "", ""]
    assert mouth.last(cut(letters, ["END"])) == ""
