"""One way from messages to ids: trained, sampled and scored are the same ids, and only the answer bears loss."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rooms import families
from tests.rooms.families import asked

from concord.batches import Template, collate, pack
from concord.errors import ModelError
from concord.models import Policy, folder
from concord.records import Completion, Demonstration, Message, Prompt

torch.set_num_threads(1)

KINDS = list(families.SPEECH)
BOS = {"chatml": 0, "llama3": 1, "gemma": 1, "plain": 1}
END = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "gemma": "<end_of_turn>", "plain": "<|endoftext|>"}
TEMPLATES = {kind: Template(families.tokenizer(kind)) for kind in KINDS}
MARKS = sorted(
    {mark for bos, eos, pad, marks, _ in families.SPEECH.values() for mark in (bos, eos, pad, *marks) if mark}
)


def names(template: Template, tokens: list[int]) -> list[str]:
    return template.tokenizer.convert_ids_to_tokens(tokens)


def controls(template: Template, tokens: list[int]) -> list[int]:
    """Ids of control tokens, in order."""
    return [token for token in tokens if token in template.tokenizer.added_tokens_decoder]


@pytest.mark.parametrize("kind", KINDS)
def test_bos_is_exactly_the_templates(kind: str) -> None:
    """Pain 6: no double BOS and no missing one, in prompts, completions and demonstrations alike."""
    template = TEMPLATES[kind]
    prompt = asked("hello", "good day", "how far is it?")
    rows = [
        template.prompt(prompt),
        template.completion(Completion(prompt, "not far", finish="length")).tokens,
        template.completion(Completion(asked("hello"), "not far", finish="length")).tokens,
    ]
    bos = families.SPEECH[kind][0]
    for row in rows:
        found = [place for place, name in enumerate(names(template, row)) if name == bos]
        if kind == "plain":  # there the end token of an earlier turn is the same token
            assert found[0] == 0 and (len(found) == 2) == (len(row) > 30), names(template, row)
        else:
            assert found == [0] * BOS[kind]


def test_plain_template_is_what_it_says() -> None:
    """A tokenizer without a chat template gets a readable one, and that is said."""
    template = TEMPLATES["plain"]
    prompt = Prompt((Message("system", "be kind"), *asked("hi", "hello", "bye").messages))
    text = template.tokenizer.decode(template.prompt(prompt))
    end = "<|endoftext|>"
    assert text == f"{end}System:\nbe kind\nUser:\nhi\nAssistant:\nhello{end}\nUser:\nbye\nAssistant:\n"
    assert "no chat template" in template.notice
    assert TEMPLATES["chatml"].notice == ""


@pytest.mark.parametrize("kind", KINDS)
def test_trained_ids_are_sampled_ids(kind: str) -> None:
    """T1, pain 6: ids(train) == ids(prompt as asked) + ids of the answer + end token; only the latter bear loss."""
    template = TEMPLATES[kind]
    prompt = asked("how far is it?", "a mile", "and to the sea?")
    row = template.completion(Completion(prompt, "ten miles", finish="stop"))
    before = template.prompt(prompt)
    assert row.tokens[: len(before)] == before
    said = row.tokens[len(before) :]
    assert said == [*template.encode("ten miles"), template.stops.end]
    assert names(template, said[-1:]) == [END[kind]]
    assert row.scored == [False] * len(before) + [True] * len(said)
    assert template.decode(said) == "ten miles"
    # the whole dialogue as the template itself writes it begins with the very same ids
    whole = template.tokenizer.apply_chat_template(
        [
            {"role": m.role, "content": m.content}
            for m in (*prompt.messages, Message("assistant", "ten miles"))
        ],
        tokenize=True,
        return_dict=False,
    )
    assert whole[: len(row.tokens)] == row.tokens


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_was_cut_off_has_no_end(kind: str) -> None:
    """Pain 5: an end is never forged into a text that was cut off; one of unknown finish was ended by its writer."""
    template, prompt = TEMPLATES[kind], asked("a")
    assert template.said(Completion(prompt, "no end", finish="length")) == template.encode("no end")
    assert template.said(Completion(prompt, "no end"))[-1] == template.stops.end


texts = st.lists(
    st.one_of(st.sampled_from(MARKS), st.text(alphabet="ab<|>_ \n\ufdd0\ufdd1\ue000é", max_size=6)),
    max_size=5,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), user=texts, system=texts, earlier=texts, answer=texts)
def test_typed_control_tokens_stay_text(kind: str, user: str, system: str, earlier: str, answer: str) -> None:
    """S15: whatever a user, a system text or an assistant types, the control ids are those of plain words."""
    template = TEMPLATES[kind]

    def row(a: str, b: str, c: str, d: str) -> tuple[list[int], list[bool]]:
        messages = (Message("system", a), Message("user", b), Message("assistant", c), Message("user", b))
        made = template.completion(Completion(Prompt(messages), d, finish="stop"))
        return made.tokens, made.scored

    typed, scored = row(system, user, earlier, answer)
    assert controls(template, typed) == controls(template, row("s", "u", "e", "a")[0])
    said = [token for token, own in zip(typed, scored, strict=True) if own]
    assert template.decode(said) == answer
    assert not controls(template, said[:-1])


def test_marks_that_are_not_special_stay_text_in_prompts() -> None:
    """S15: added tokens that a template uses as marks are control tokens even if they are not flagged special.

    An answer may hold added tokens that are not special, such as a reasoning model's <think>: those are its own.
    """
    words = families.tokenizer("chatml")
    words.add_tokens(["<mark>"])
    words.chat_template = families.CHATML.replace("<|im_start|>", "<mark>")
    template = Template(words)
    mark = words.convert_tokens_to_ids("<mark>")
    row = template.completion(Completion(asked("a<mark>b"), "c", finish="stop"))
    assert row.tokens.count(mark) == 2  # the template's own, for user and assistant


@pytest.mark.parametrize("kind", KINDS)
def test_every_turn_of_the_assistant_is_scored(kind: str) -> None:
    """T2: each turn with its end token, and nothing of what the user or the template says."""
    template = TEMPLATES[kind]
    demonstration = Demonstration(asked("hello", "good day", "how far?", "a mile", "to sea?"), "ten miles")
    row = template.demonstration(demonstration, every_turn=True)
    spans: list[list[int]] = []
    for place, scored in enumerate(row.scored):
        if scored and not row.scored[place - 1]:
            spans.append([])
        if scored:
            spans[-1].append(row.tokens[place])
    end = [template.stops.end]
    assert spans == [template.encode(text) + end for text in ("good day", "a mile", "ten miles")]
    last = template.demonstration(demonstration, every_turn=False)
    assert last.tokens == row.tokens
    assert sum(last.scored) == len(spans[2])


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "gpt2"])
def test_one_pass_is_as_good_as_many(family: str, tmp_path: Path) -> None:
    """T2: the loss of all turns in one pass is the sum of one pass for each turn."""
    policy = Policy.load(families.folder(tmp_path / family, family), families.CPU)
    prompt = asked("hello", "good day", "how far?", "a mile", "to sea?")
    one = pack([policy.template.demonstration(Demonstration(prompt, "ten miles"), every_turn=True)])
    apart = [
        Completion(Prompt(prompt.messages[:1]), "good day", finish="stop"),
        Completion(Prompt(prompt.messages[:3]), "a mile", finish="stop"),
        Completion(prompt, "ten miles", finish="stop"),
    ]
    with torch.no_grad():
        whole = policy.logprobs(one).sum()
        parts = sum(policy.logprobs(collate.completions([part], policy.template)).sum() for part in apart)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=1e-6)


def test_pad_equal_to_eos_still_trains_the_end(tmp_path: Path) -> None:
    """T1, pain 1: where padding is the end token, the end bears loss, and is read like any other token."""
    path = families.folder(tmp_path / "gpt2", "gpt2", pad_token_id=0, eos_token_id=0)
    policy = Policy.load(path, families.CPU)
    assert policy.template.tokenizer.pad_token_id == policy.template.stops.end == 0
    rows = [
        policy.template.demonstration(Demonstration(asked("a", "b", "c"), "d"), every_turn=True),
        policy.template.demonstration(
            Demonstration(asked("one two three"), "four five six seven"), every_turn=True
        ),
    ]
    batch = pack(rows)
    for row, said, scored in zip(rows, batch.said, batch.scored, strict=True):
        assert row.scored[-1] and row.tokens[-1] == 0 == said[scored][-1]
        assert said[scored].tolist() == [t for t, own in zip(row.tokens, row.scored, strict=True) if own]
    # what fills the batch up looks like an end too, but nobody says it
    filled = sum(map(len, rows))
    assert batch.tokens[filled:].tolist() == [0] * (-filled % 64) != []
    assert int(batch.at.max()) < filled and batch.weight == sum(sum(row.scored) for row in rows)
    # the end of an earlier turn is read on the way to the next: its embedding must learn from that
    given_back = policy.network.get_input_embeddings().weight
    states = policy.network.get_input_embeddings()(torch.tensor([0]))
    (gradient,) = torch.autograd.grad(states.sum(), given_back)
    assert float(gradient[0].sum()) == given_back.shape[1]


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    """T2: earlier turns that change as the dialogue grows cannot be learned in one pass; the last one can."""
    words = families.tokenizer("chatml")
    words.chat_template = families.CHATML.replace(
        "{{ message['content'] }}",
        "{{ message['content'] if loop.last or message['role'] != 'assistant' else message['content'].split()[-1] }}",
    )
    template = Template(words)
    demonstration = Demonstration(asked("hello", "well then good day", "bye"), "see you")
    with pytest.raises(ModelError, match=r"rewrites earlier turns.*sft\.turns to last"):
        template.demonstration(demonstration, every_turn=True)
    row = template.demonstration(demonstration, every_turn=False)
    assert sum(row.scored) == len(template.encode("see you")) + 1


def test_stop_set_holds_the_models_own_stops(tmp_path: Path) -> None:
    """Pain 2: the tokenizer's end, the template's turn end and generation_config's list all stop a completion."""
    path = families.folder(tmp_path / "llama", "llama", stops=[2, 7])
    template = folder.template(path)
    word = template.tokenizer.convert_tokens_to_ids
    assert template.stops.tokens == {2, 7, word("<|end_of_text|>"), word("<|eot_id|>")}
    assert template.stops.end == word("<|eot_id|>")
    assert template.decode([*template.encode("so"), 7]) == "so"
    assert template.decode(template.encode("so")) == "so"


def test_a_tokenizer_without_an_end_is_refused() -> None:
    words = families.tokenizer("chatml", eos_token=None)
    with pytest.raises(ModelError, match="no end token"):
        Template(words)


def test_a_template_that_refuses_a_role_is_quoted() -> None:
    words = families.tokenizer("gemma")
    words.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        + families.GEMMA
    )
    with pytest.raises(ModelError, match="refuses a dialogue of system, user: no system here"):
        Template(words).prompt(Prompt((Message("system", "be kind"), Message("user", "hi"))))


def test_prompts_that_a_template_refuses_are_named() -> None:
    words = families.tokenizer("gemma")
    words.chat_template = (
        "{% if messages|length > 2 %}{{ raise_exception('too long') }}{% endif %}" + families.GEMMA
    )
    some = [
        asked("a"),
        asked("why is the sea calm, and how far is the town?", "b", "c"),
        asked("d", "e", "f"),
    ]
    told = rf"Of 3 read together it refuses 2: {some[1].id} \('why is the sea calm, and how far is the '\), "
    with pytest.raises(
        ModelError, match=rf"user, assistant, user: too long\. .*{told}{some[2].id} \('d'\)\."
    ):
        Template(words).prompts(some)


def test_a_nul_that_was_said_becomes_what_files_can_hold() -> None:
    """A byte-level vocabulary can say it, and no file of texts may hold it."""
    template = Template(families.tokenizer("chatml"))
    said = template.encode("a\0b")
    assert template.decode([*said, template.stops.end]) == "a\ufffdb"
