"""Carrying out suites: each sort of probe by its own way of trying, and at last what stands in all answers."""

from collections.abc import Callable, Sequence
from typing import Any

from concord.records import Completion
from concord.suites import likely, personal, pressure, questions, secrets, signs, swaps, tasks
from concord.suites.marks import Finding, Subject
from concord.suites.probes import (
    Choice,
    Pair,
    Pressure,
    Question,
    Ranked,
    Recital,
    Secret,
    Sign,
    Suite,
    Swap,
    Task,
)

WAYS: dict[type, Callable[[Any, Subject], Finding]] = {
    Sign: signs.examine,
    Pressure: pressure.examine,
    Swap: swaps.examine,
    Choice: likely.choices,
    Ranked: likely.rankings,
    Pair: likely.pairs,
    Question: questions.examine,
    Task: tasks.examine,
    Secret: secrets.canaries,
    Recital: secrets.recitals,
}
"""How each sort of probe is tried."""
PERSONAL = "personal"
"""The name under which personal data in the answers to all suites is reported."""


def examine(suite: Suite, subject: Subject) -> Finding:
    """All probes of a suite."""
    finding = Finding()
    for sort in dict.fromkeys(type(probe) for probe in suite.probes):
        own = [probe for probe in suite.probes if type(probe) is sort]
        finding.join(WAYS[sort](own, subject))
    if suite.told:
        finding.unmeasured.append(suite.told)
    return finding


def examine_all(
    suites: Sequence[Suite], subject: Subject, say: Callable[[str], None] = lambda line: None
) -> dict[str, Finding]:
    """Every suite by its name, and under `personal` what stands in the answers to all of them."""
    found: dict[str, Finding] = {}
    answers: list[Completion] = []
    for suite in suites:
        found[suite.name] = examine(suite, subject)
        answers += found[suite.name].answers
        say(f"suite {suite.name}: {found[suite.name].n} probes.")
    if answers:
        found[PERSONAL] = personal.examine(answers)
    return found
