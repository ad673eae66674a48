"""What was begun and not sent: it comes back as it was left, and is sent as nothing that nobody said."""

import pytest
from playwright.sync_api import expect
from tests.pages.conftest import Open
from tests.pages.hands import keys, next_task, place_of, stored, tiers
from tests.pages.served import Served

pytestmark = pytest.mark.slow


def test_half_a_best_and_worst_answer_stays_half_of_one(served: Served, open_page: Open) -> None:
    served.project("half", tasks=1, mode="best-worst")
    page = open_page("half")
    keys(page, "1")
    page.reload()
    expect(place_of(page, 1)).to_have_text("#1 best")
    keys(page, "Enter")
    expect(page.get_by_role("status").filter(has_text="Which one is the worst?")).to_be_visible()
    page.goto(f"{served.origin}/#/p/half")
    expect(page.get_by_role("link", name="Start to rank")).to_be_visible()
    page.go_back()
    shown = next_task(page, "4 Enter")
    (row,) = stored(served, "half", 1)
    assert tiers(row) == [{shown[0]}, {shown[1], shown[2]}, {shown[3]}]
