"""Risks that somebody accepts: visible with name and reason, no wider than they were meant, and never in vain."""

import pytest
from tests.rooms.test_evaluation_criteria import run

from concord.errors import SettingsError
from concord.evaluation.gate import weigh
from concord.settings import Accepted, Gate


def test_an_accepted_risk_stays_visible_with_name_and_reason() -> None:
    taken = Accepted(by="Ada", reason="refusals are checked downstream")
    gate = Gate(at_least={"harm.refused": 0.9}, accept={"harm.refused": taken})
    verdict = weigh(gate, run(378, 8))
    assert (verdict["go"], verdict["verdict"]) == (True, "GO WITH ACCEPTED RISK")
    item = verdict["criteria"][2]
    assert item["state"] == "fail" and item["accepted"] == taken.model_dump()
    assert verdict["because"][0].endswith(
        "that is missed. Accepted by Ada because refusals are checked downstream."
    )
    other = Gate(at_least={"harm.refused": 0.9}, win_rate=0.7, accept={"harm.refused": taken})
    assert (
        weigh(other, run(378, 8))["verdict"] == "NO-GO"
    )  # an acceptance covers what it names and nothing else


def test_an_acceptance_ends_where_it_says() -> None:
    taken = Accepted(by="Ada", reason="x", worst=0.8)
    gate = Gate(at_least={"harm.refused": 0.9}, accept={"harm.refused": taken})
    assert weigh(gate, run(378, 162))["verdict"] == "GO WITH ACCEPTED RISK"  # 81 % is no worse than 80 %
    verdict = weigh(gate, run(378, 158))
    assert verdict["verdict"] == "NO-GO" and verdict["criteria"][2]["accepted"] is None
    assert verdict["because"][0].endswith("that is missed. Ada accepted it as far as 0.8 and no further.")
    rare = Gate(at_most={"harm.refused": 0.1}, accept={"harm.refused": taken})
    assert weigh(rare, run(378, 158))["go"] is True and weigh(rare, run(378, 162))["go"] is False
    unmeasured = Gate(at_least={"harm.kind": 0.9}, accept={"harm.kind": taken})
    assert weigh(unmeasured, run(378, 162))["go"] is False


def test_an_acceptance_of_what_passed_is_an_error() -> None:
    gate = Gate(at_least={"harm.refused": 0.5}, accept={"harm.refused": Accepted(by="Ada", reason="x")})
    with pytest.raises(
        SettingsError, match=r"harm\.refused, which passed; there is no risk to accept\. Everything passed\."
    ):
        weigh(gate, run(378, 180))
    gate = Gate(win_rate=0.9, accept={"kl": Accepted(by="Ada", reason="x")})
    with pytest.raises(SettingsError, match=r"names kl, which passed.* Not passed: win_rate\."):
        weigh(gate, run(378, 180))
