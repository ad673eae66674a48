"""What was begun and not sent: it comes back as it was left, and is sent as nothing that nobody said."""

import pytest
from playwright.sync_api import expect
from tests.pages.conftest import Open
from tests.pages.hands import keys, mine, next_task, place_of, stored, tiers
from tests.pages.served import Served, until

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


def test_a_change_of_an_earlier_answer_survives_a_reload(served: Served, open_page: Open) -> None:
    served.project("again", tasks=2)
    page = open_page("again")
    next_task(page, "1 2 3 Enter")
    keys(page, "3 u c")
    page.keyboard.type("A long remark")
    page.reload()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("A long remark")
    expect(page.get_by_role("status").filter(has_text="What you sent before.")).to_be_visible()
    keys(page, "u")
    expect(page.locator(".dock .notice")).to_have_text("There is nothing sent before this.")
    next_task(page, "0 Enter")
    expect(place_of(page, 3)).to_have_text("#1 best")
    until(lambda: [(one["revision"], one["comment"]) for one in mine(page)] == [(2, "A long remark")])
    page.reload()
    expect(place_of(page, 3)).to_have_text("#1 best")
