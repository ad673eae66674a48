"""Serving the starter model: what is served is what was trained, and a server that is killed loses nothing."""

import re
import threading
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.endpoints import Chat, Question
from concord.models import Policy, choose, compute
from concord.models.folder import template
from concord.records import Message, Prompt
from concord.sampling.live import Live
from concord.serving.desk import Desk
from concord.serving.server import Front, Server
from concord.serving.service import Offer, Service
from concord.serving.speaker import Answer, Wish
from concord.settings import Endpoint
from concord.stages import serve
from concord.stages.plan import bundled

torch.set_num_threads(1)
ASKED = (
    "Where is the bakery?",
    "How do I make tea?",
    "When does the library open?",
    "Is there a cinema in Milford?",
)
MARKS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(bundled(), choose("cpu", "float32"))


@pytest.fixture(scope="module")
def live(policy: Policy) -> Live:
    return Live(policy, template(bundled()), "starter")


def wish(live: Live, text: str, seed: int, **more: Any) -> Wish:
    prompt = tuple(live.read([Message("user", text)]))
    return Wish(prompt, seed, **{"longest": 30, **more})


def all_of(live: Live, wishes: list[Wish]) -> tuple[list[Answer], list[str]]:
    """Every answer, and what was said of it piece by piece."""
    numbers = [live.add(one) for one in wishes]
    found: dict[int, Answer] = {}
    pieces = dict.fromkeys(numbers, "")
    while live.busy:
        for heard in live.step():
            pieces[heard.number] += heard.piece
            if heard.answer:
                found[heard.number] = heard.answer
    return [found[number] for number in numbers], [pieces[number] for number in numbers]


said = st.lists(
    st.one_of(st.sampled_from(MARKS), st.text(max_size=8), st.sampled_from(["<|", "|>", "end", "\n"])),
    max_size=6,
).map("".join)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), said), min_size=1, max_size=4))
@pytest.mark.slow
def test_s15_nobody_forges_a_turn_and_training_reads_the_same_ids(turns: list[tuple[Any, str]]) -> None:
    """As many control tokens as the template itself writes, and the ids of the one renderer."""
    served = template(bundled())
    messages = [Message(role, text.replace("\0", "")) for role, text in turns]
    ids = served.dialogue(messages)
    control = set(served.tokenizer.added_tokens_decoder)
    own = Counter({f"<|{role}|>": 0 for role, _ in turns})
    for role, _ in turns:
        own[f"<|{role}|>"] += 1
    own["<|end|>"] += len(turns)
    own["<|assistant|>"] += 1
    names = {number: str(token) for number, token in served.tokenizer.added_tokens_decoder.items()}
    assert Counter(names[one] for one in ids if one in control) == own
    assert ids == served.prompt(Prompt(tuple(messages)))
    assert not control & set(served.encode("".join(MARKS)))


@pytest.mark.slow
def test_an_answer_is_the_same_in_whatever_company_and_as_a_stream(live: Live) -> None:
    alone = [all_of(live, [wish(live, text, 7)])[0][0] for text in ASKED]
    wishes = [wish(live, text, 7, pieces=True, tops=place or None) for place, text in enumerate(ASKED)]
    together, pieces = all_of(live, wishes)
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert pieces == [one.text for one in alone]


@pytest.mark.slow
def test_an_answer_ends_before_the_text_that_ends_it(live: Live) -> None:
    for seed in range(10):
        (whole,), _ = all_of(live, [wish(live, "How do I make tea?", seed)])
        ends = tuple(word for word in whole.text.split(" ")[2:4] if word)
        (short,), (pieces,) = all_of(live, [wish(live, "How do I make tea?", seed, ends=ends, pieces=True)])
        assert pieces == short.text == re.split("|".join(map(re.escape, ends)) or "$^", whole.text)[0]


@pytest.mark.slow
def test_joining_a_running_batch_changes_nobodys_answer(live: Live) -> None:
    """One begins, another joins after five steps, a third is called off."""
    alone = [all_of(live, [wish(live, text, 3)])[0][0].tokens for text in ASKED[:2]]
    first = live.add(wish(live, ASKED[0], 3))
    off = live.add(wish(live, ASKED[2], 3))
    found: dict[int, Answer] = {}
    second = -1
    for step in range(200):
        if step == 3:
            live.cancel(off)
        if step == 5:
            second = live.add(wish(live, ASKED[1], 3))
        found.update({heard.number: heard.answer for heard in live.step() if heard.answer})
        if not live.busy and step > 5:
            break
    assert [found[first].tokens, found[second].tokens] == alone and off not in found


@pytest.mark.slow
def test_after_a_rest_nothing_is_kept_and_answers_are_the_same(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = all_of(live, [wish(live, text, 3) for text in ASKED])
    memory = live.slots.decoder.memory
    monkeypatch.setattr("concord.sampling.live.TOKENS", 0)
    again, _ = all_of(live, [wish(live, text, 3) for text in ASKED])
    assert live.slots.decoder.memory is not memory and not live.slots.decoder.memory.own.numel()
    last, _ = all_of(live, [wish(live, text, 3) for text in ASKED])
    assert before == again == last


@pytest.mark.slow
def test_log_probabilities_are_the_networks_own(live: Live, policy: Policy) -> None:
    """Of a text that is read and of one that is said, beside the network's own softmax in float64."""
    read = live.encode("The bakery is on High Street.")
    (answer,), _ = all_of(live, [wish(live, ASKED[0], 5, temperature=0.6)])
    number = live.add(wish(live, ASKED[0], 5, temperature=0.6, tops=3))
    looked = []
    while live.busy:
        looked += [heard.token for heard in live.step() if heard.number == number and heard.token]
    asked = live.read([Message("user", ASKED[0])])
    rows = ((read, live.likely(read, 3)), ([*asked, *answer.tokens], looked))
    for tokens, told in rows:
        with torch.no_grad():
            logits = policy.network(torch.tensor([tokens])).logits[0].double()
        chances = logits.log_softmax(-1)
        start = len(tokens) - len(told)
        for place, token in enumerate(told, start=start):
            before = chances[place - 1]
            assert token.logprob == pytest.approx(float(before[tokens[place]]), abs=2e-4)
            best = before.topk(3).values.tolist()
            assert [value for _, value in token.tops] == pytest.approx(best, abs=2e-4)
    assert [one.text for one in looked][: len(answer.tokens)] == live.spell(answer.tokens)


def test_texts_are_read_in_the_precision_in_which_answers_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 on a processor, also on one that learns in bfloat16."""
    behind: list[Policy] = []
    monkeypatch.setattr(compute, "native_bfloat16", lambda kind: (True, "a test says so"))
    monkeypatch.setattr(serve, "Live", lambda policy, *more: behind.append(policy) or Live(policy, *more))
    with serve.served(serve.Wanted("starter", device="cpu"), Front(port=0)) as (server, _):
        assert server.socket.fileno() >= 0
    assert server.socket.fileno() == -1  # let go of, though it never ran
    assert [one.compute.dtype for one in behind] == [torch.float32]


@pytest.mark.slow
def test_our_own_client_is_served(live: Live) -> None:
    server = Server(Service(Desk(live), Offer(30)), Front(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        chat = Chat(Endpoint(url=server.url, model="starter"))
        questions = [Question((Message("user", text),), seed=1, n=2, longest=12, tops=2) for text in ASKED]
        found = chat.ask(questions)
    finally:
        server.stop()
        thread.join()
    assert [len(one) for one in found] == [2] * len(ASKED)
    assert all(reply.tokens and len(reply.tokens[0].tops) == 2 for one in found for reply in one)
    assert chat.tally.tokens_said > 0 and chat.tally.repeats == 0
