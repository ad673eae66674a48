"""What is stored beside an answer: the guideline by which it was given, and the time that it took."""

from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect
from tests.pages.conftest import Open
from tests.pages.hands import keys, next_task
from tests.pages.served import Served, until

pytestmark = pytest.mark.slow


def letters(page: Page) -> list[dict[str, Any]]:
    """The bodies of the answers that the page sends from now on."""
    sent: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/judgements"):
            sent.append(request.post_data_json)

    page.on("request", note)
    return sent


def arrived(page: Page, sent: list[dict[str, Any]], many: int) -> None:
    """Waits until so many answers were sent; the browser tells of them only while it is asked something."""
    until(lambda: page.wait_for_timeout(20) or len(sent) == many)


def publish(served: Served, slug: str) -> None:
    served.ask("POST", f"/projects/{slug}/guideline", {"text": "# Kind", "must_acknowledge": False})


def test_each_task_is_answered_by_the_guideline_in_force_when_it_came(
    served: Served, open_page: Open
) -> None:
    served.project("versions", tasks=5)
    page = open_page("versions")
    sent = letters(page)
    publish(served, "versions")
    next_task(page, "1 2 3 Enter")
    expect(page.locator(".dock .notice")).to_have_text("There is a new guideline: g shows it.")
    for _ in range(4):
        next_task(page, "1 2 3 Enter")
    arrived(page, sent, 5)
    assert [one["guideline"] for one in sent] == [0, 0, 0, 1, 1]


def test_a_guideline_that_was_read_beside_the_task_counts_for_it(served: Served, open_page: Open) -> None:
    served.project("read", tasks=1)
    page = open_page("read")
    sent = letters(page)
    publish(served, "read")
    keys(page, "g")
    expect(page.get_by_role("complementary").get_by_role("heading", name="Kind")).to_be_visible()
    next_task(page, "1 2 3 Enter")
    arrived(page, sent, 1)
    assert [one["guideline"] for one in sent] == [1]


def test_time_spent_on_an_earlier_answer_counts_for_that_alone(served: Served, open_page: Open) -> None:
    served.project("timed", tasks=2)
    page = open_page("timed")
    sent = letters(page)
    next_task(page, "1 2 3 Enter")
    keys(page, "1 u")
    for step in range(8):
        page.wait_for_timeout(500)
        page.mouse.move(100 + step, 100)
    next_task(page, "0 Enter")
    next_task(page, "2 3 Enter")
    arrived(page, sent, 3)
    _, changed, kept = [one["active_seconds"] + one["idle_seconds"] for one in sent]
    assert changed > 4
    assert kept < 2
