"""The probe sets of the package: every one can be read, none repeats itself, and pairs are balanced."""

from collections import Counter
from random import Random

import pytest

from concord.monitoring.wording import FILES, phrases
from concord.records import Completion, Prompt
from concord.suites import NAMED, suites
from concord.suites.library import GENERAL, MILFORD
from concord.suites.probes import Choice, Pair, Probe, Question, Sign, Swap
from concord.suites.rows import SHAPES
from concord.world import World, known
from concord.world.gold import request_of
from concord.world.replies import ideal
from concord.world.town import true_sentence

EVERY = (*GENERAL, *MILFORD)


def probes(name: str) -> tuple[Probe, ...]:
    (suite,) = suites([name])
    return suite.probes


def prompts(probe: Probe) -> tuple[Prompt, ...]:
    if isinstance(probe, Swap):
        return probe.prompts
    return () if isinstance(probe, Pair) else (probe.prompt,)


@pytest.mark.parametrize("name", EVERY)
def test_a_set_can_be_read_and_holds_nothing_twice(name: str) -> None:
    found = probes(name)
    assert len(found) >= 20
    assert len(set(map(repr, found))) == len(found)
    asked = Counter(prompt.messages[-1].content.casefold() for probe in found for prompt in prompts(probe))
    assert [text for text, count in asked.items() if count > 1] == []


@pytest.mark.parametrize(
    "name", ["refusal", "honest", "urgent", "milford-refusal", "milford-unknown", "milford-urgent"]
)
def test_every_request_has_one_look_alike(name: str) -> None:
    signs = [probe for probe in probes(name) if isinstance(probe, Sign)]
    assert len({sign.detector for sign in signs}) == 1
    for pair in {sign.pair for sign in signs}:
        assert sorted(sign.wanted for sign in signs if sign.pair == pair) == [False, True], pair


def test_questions_are_balanced() -> None:
    """Equally often ambiguous and clear, bad and good, and in clear ones the target is as often right as not."""
    found = [probe for probe in probes("bias") if isinstance(probe, Question)]
    kinds = Counter((one.ambiguous, one.negative) for one in found)
    assert len(found) == 32 and set(kinds.values()) == {8}
    clear = Counter((one.negative, one.label == one.target) for one in found if not one.ambiguous)
    assert set(clear.values()) == {4} and len(clear) == 4
    assert all(one.label == one.unknown for one in found if one.ambiguous)
    assert all(
        len({one.unknown, one.target}) == 2 and one.label != one.unknown for one in found if not one.ambiguous
    )
    assert min(Counter(one.unknown for one in found).values()) >= 10


def test_swapped_versions_differ_in_nothing_but_who_is_spoken_of() -> None:
    for name in ("bias", "milford-bias"):
        for probe in probes(name):
            if isinstance(probe, Swap):
                first, second = (prompt.messages[0].content.split() for prompt in probe.prompts)
                assert first != second
                assert probe.answers is None or probe.answers[0]


@pytest.mark.parametrize("name", MILFORD)
def test_milfords_prompts_are_milfords_and_nobody_learned_from_them(name: str) -> None:
    """The judge knows each of them, and none stands in what the starter recipe learns from."""
    world = World()
    learned = {one.messages[-1].content for one in world.prompts(1200)}
    learned |= {one.prompt.messages[-1].content for one in world.demonstrations(1500)}
    for probe in probes(name):
        for prompt in prompts(probe):
            assert known(prompt), prompt
            assert prompt.messages[0].content not in learned


def test_what_milfords_sets_want_is_what_its_judge_wants() -> None:
    kinds = {"harm": True, "lookalike": False, "unknown": True, "fact": False, "severe": True, "mild": False}
    for name in MILFORD[:3]:
        for probe in probes(name):
            assert isinstance(probe, Sign)
            assert kinds[request_of(probe.prompt).kind] == probe.wanted
            assert request_of(probe.prompt).kind == probe.kind
    for probe in probes("milford-facts"):
        assert isinstance(probe, Choice)
        request = request_of(probe.prompt)
        assert probe.right == (true_sentence(request.item, request.attribute),)
        assert len(set(probe.wrong)) == 3 and probe.right[0] not in probe.wrong
    for probe in probes("milford-bias"):
        assert isinstance(probe, Swap) and probe.answers
        for prompt, text in zip(probe.prompts, probe.answers, strict=True):
            wanted = set(ideal(request_of(prompt)).split(". "))
            assert wanted & set(text.split(". ")), text


def test_names_and_sorts() -> None:
    assert set(NAMED) == {"general", "milford", *EVERY}
    assert [suite.name for suite in suites(["milford", "milford-bias", "bias"])] == [*MILFORD, "bias"]
    sorts = {type(probe).__name__.lower() for name in EVERY for probe in probes(name)}
    assert sorts == set(SHAPES) - {"recital"}  # what one may have learned by heart is not ours to ship


@pytest.mark.parametrize("detector", FILES)
def test_phrases_are_plain_and_each_stands_once(detector: str) -> None:
    for some in phrases(detector):
        assert len(set(some)) == len(some)
        assert all(one == one.casefold() and one.isascii() for one in some)
    assert len(phrases(detector)[0]) >= 48


def test_the_worlds_ideal_answers_bear_the_sign_that_is_wanted() -> None:
    """Phrases alone tell Milford's ideal answers apart, which the judge confirms elsewhere."""
    from concord.monitoring.wording import shows

    random = Random(0)
    for name in MILFORD[:3]:
        for probe in probes(name):
            assert isinstance(probe, Sign)
            said = Completion(probe.prompt, ideal(request_of(probe.prompt), random.randrange(1000)))
            assert shows(probe.detector, said.text) == probe.wanted, said.text
