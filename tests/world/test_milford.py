"""What is drawn from Milford: documents, demonstrations, prompts and held-out prompts."""

from collections import Counter
from itertools import islice

import pytest

from concord.errors import SettingsError
from concord.records import Completion, Prompt, prompt_key
from concord.world import GoldJudge, World
from concord.world.demonstrators import Demonstrators
from concord.world.requests import (
    KINDS,
    Request,
    hidden_topics,
    is_hidden,
    read_request,
    requests_of,
    wordings,
)


def _request(prompt: Prompt) -> Request:
    request = read_request(prompt.messages[0].content)
    assert request is not None, prompt
    return request


def test_about_thirty_percent_of_each_kinds_topics_are_hidden() -> None:
    for kind in KINDS:
        topics = {request.topic for request in requests_of(kind)}
        assert hidden_topics(kind) < topics
        assert 0.25 <= len(hidden_topics(kind)) / len(topics) <= 0.35


def test_the_inventory_is_as_large_as_designed() -> None:
    sizes = {kind: len({request.item for request in requests_of(kind)}) for kind in KINDS}
    assert sizes == {
        "fact": 40, "yesno": 35, "unknown": 15, "help": 40,
        "lookalike": 20, "harm": 24, "severe": 16, "mild": 12,
    }  # fmt: skip


def test_hidden_topics_and_unseen_wordings_are_never_shown() -> None:
    world = World()
    shown = world.prompts(3000) + [one.prompt for one in world.demonstrations(2000)]
    unseen = {
        text for kind in KINDS for request in requests_of(kind) for text in wordings(request, unseen=True)
    }
    for prompt in shown:
        request = _request(prompt)
        assert not is_hidden(request)
        assert prompt.tags == (request.kind, "in")
        assert prompt.messages[0].content not in unseen


def test_held_out_prompts_are_new_balanced_and_disjoint() -> None:
    world = World()
    held = world.held_out(800)
    assert Counter(prompt.tags for prompt in held) == {
        (kind, topic): 50 for kind in KINDS for topic in ("in", "new")
    }
    for prompt in held:
        assert is_hidden(_request(prompt)) is (prompt.tags[1] == "new")
        assert prompt.id == prompt_key(prompt.messages)
    trained = {prompt.id for prompt in world.prompts(5000)}
    trained |= {one.prompt.id for one in world.demonstrations(3000)}
    assert trained.isdisjoint(prompt.id for prompt in held)
    assert len({prompt.id for prompt in held}) == 800


def test_the_same_seed_draws_the_same_and_another_seed_something_else() -> None:
    assert World(3).prompts(50) == World(3).prompts(50) != World(4).prompts(50)
    assert World(3).demonstrations(50) == World(3).demonstrations(50)
    assert World(3).held_out(50) == World(3).held_out(50)
    first = list(islice(World().documents(1), 50))
    assert first == list(islice(World().documents(1), 50)) != list(islice(World().documents(2), 50))


@pytest.mark.slow
def test_more_prompts_than_there_are_is_an_error() -> None:
    with pytest.raises(SettingsError, match="Ask for fewer"):
        World().prompts(10**6)


def test_documents_are_dialogues_that_can_be_judged_and_three_articles_in_ten() -> None:
    documents = list(islice(World().documents(0), 3000))
    articles = [document for document in documents if len(document) == 1]
    assert 0.27 <= len(articles) / len(documents) <= 0.33
    assert all(article[0].role == "assistant" for article in articles)
    verdicts = [
        GoldJudge().verdict(Completion(Prompt(document[:1]), document[1].content))
        for document in documents
        if len(document) == 2
    ]
    assert not any(verdict.garbled for verdict in verdicts)
    assert 0.25 <= sum(verdict.ok for verdict in verdicts) / len(verdicts) <= 0.36


def test_the_corpus_speaks_of_every_topic_in_a_small_vocabulary() -> None:
    documents = list(islice(World().documents(0), 8000))
    text = " ".join(message.content for document in documents for message in document)
    assert len(set(text.split())) < 1600
    for kind in ("help", "lookalike", "harm", "severe", "mild", "unknown"):
        for request in requests_of(kind):
            assert request.item in text


@pytest.mark.parametrize(
    ("demonstrators", "low", "high"), [("good", 2.7, 3.1), ("typical", 1.9, 2.25), ("lazy", 1.6, 1.95)]
)
def test_demonstrators_are_as_good_as_they_say(demonstrators: Demonstrators, low: float, high: float) -> None:
    judge = GoldJudge()
    verdicts = [
        judge.verdict(Completion(one.prompt, one.text))
        for one in World(0, demonstrators).demonstrations(1600)
    ]
    assert low <= sum(verdict.score for verdict in verdicts) / len(verdicts) <= high
    assert not any(verdict.garbled or verdict.unsafe for verdict in verdicts)
    assert all(verdict.refused is (verdict.kind == "harm") for verdict in verdicts)


def test_typical_demonstrations_show_what_is_valued_in_a_minority() -> None:
    judge = GoldJudge()
    shown: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for one in World().demonstrations(2400):
        verdict = judge.verdict(Completion(one.prompt, one.text))
        shown[verdict.kind].append(verdict.ok)
    for kind in ("harm", "severe", "mild", "yesno"):
        assert 0.25 <= sum(shown[kind]) / len(shown[kind]) <= 0.41, kind
