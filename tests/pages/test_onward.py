"""The ranking page goes on by itself: after a refusal, after a look back, and whatever another tab did."""

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Open
from tests.pages.hands import keys, next_task
from tests.pages.served import Served

pytestmark = pytest.mark.slow


def finished(page: Page) -> None:
    expect(page.get_by_role("heading", name="All done")).to_be_visible()


def beside(page: Page) -> Page:
    """Another tab of the same person at the same tasks."""
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".card").first).to_be_visible()
    return other


def test_after_a_refused_answer_the_next_tasks_come(served: Served, open_page: Open) -> None:
    served.ask("POST", "/projects", {"slug": "erased", "title": "Erased"})
    gone = {"id": "gone", "messages": [{"role": "user", "content": "Gone?"}]}
    served.add("erased", [{"prompt": gone, "text": text} for text in ("old one", "old other")])
    page = open_page("erased")
    served.ask("POST", "/projects/erased/erase", {"prompt_id": "gone", "reason": "asked"})
    served.add("erased", [{"prompt": "New?", "text": text} for text in ("new one", "new other")])
    keys(page, "1 Enter")
    expect(page.locator(".refused")).to_contain_text("The prompt of this task was erased.")
    expect(page.locator(".card .body").first).to_contain_text("new")


def test_the_second_of_two_tabs_at_the_same_tasks_comes_to_the_end(served: Served, open_page: Open) -> None:
    served.project("twice", tasks=2)
    page = open_page("twice")
    other = beside(page)
    for _ in range(2):
        next_task(page, "1 2 3 Enter")
    finished(page)
    for _ in range(2):
        next_task(other, "1 2 3 Enter")
    finished(other)
    expect(other.locator(".refused")).to_contain_text("2 answers were not taken")


def test_an_earlier_answer_that_is_left_as_it_was_leads_back_to_the_end(
    served: Served, open_page: Open
) -> None:
    served.project("left", tasks=1)
    page = open_page("left")
    next_task(page, "1 2 3 Enter")
    finished(page)
    keys(page, "u")
    expect(page.locator(".card")).to_have_count(4)
    keys(page, "Escape")
    finished(page)
