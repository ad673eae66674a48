"""The ranking page goes on by itself: after a refusal, after a look back, and whatever another tab did."""

import pytest
from playwright.sync_api import Page, Route, expect
from tests.pages.conftest import Open
from tests.pages.hands import keys, mine, next_task, place_of, texts
from tests.pages.served import Served, Visitor, until

pytestmark = pytest.mark.slow


def finished(page: Page) -> None:
    expect(page.get_by_role("heading", name="All done")).to_be_visible()


def beside(page: Page) -> Page:
    """Another tab of the same person at the same tasks."""
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".card").first).to_be_visible()
    return other


def overtaken(page: Page, pressed: str) -> None:
    """Sends an answer that is refused, and waits until the page has asked what stands in its place."""
    with page.expect_response("**/mine*") as told:
        keys(page, pressed)
    told.value.finished()
    page.wait_for_timeout(300)


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


def test_an_answer_that_another_tab_changed_can_be_changed_again(served: Served, open_page: Open) -> None:
    served.project("changed", tasks=2)
    page = open_page("changed")
    next_task(page, "1 2 3 Enter")
    other = beside(page)
    keys(other, "u")
    expect(place_of(other, 1)).to_have_text("#1 best")
    next_task(other, "0 Enter")
    until(lambda: mine(page)[0]["revision"] == 2)
    keys(page, "u Backspace Backspace 4")
    overtaken(page, "Enter")
    expect(page.locator(".refused")).to_contain_text("Your newest answer to this task")
    keys(page, "u")
    expect(page.locator(".strip")).to_contain_text("all bad")
    expect(page.locator(".strip .chip")).to_have_text(["1", "2", "3", "4"])
    next_task(page, "0 Enter")
    until(lambda: [(one["revision"], one["all_bad"]) for one in mine(page)] == [(3, False)])


def test_the_second_tab_can_change_what_the_first_one_said(served: Served, open_page: Open) -> None:
    """The answer that was in hand when it was refused is sent once more, as a revision."""
    served.project("second", tasks=1)
    page = open_page("second")
    other = beside(page)
    next_task(page, "1 2 3 Enter")
    until(lambda: done(served, "second") == 1)
    overtaken(other, "4 3 2 Enter")
    keys(other, "u")
    expect(place_of(other, 1)).to_have_text("#1 best")
    next_task(other, "0 Enter")
    until(lambda: [(one["revision"], one["all_bad"]) for one in mine(page)] == [(2, True)])


def test_undo_goes_back_a_hundred_answers_and_says_where_it_ends(served: Served, open_page: Open) -> None:
    served.project("long", tasks=103, candidates=2, words=10)
    page = open_page("long")
    person = next(one["id"] for one in served.ask("GET", "/people")["people"] if one["projects"] == ["long"])
    visitor = Visitor(served.ask("POST", f"/people/{person}/links")["link"])
    for _ in range(34):
        for task in visitor.ask("POST", "/projects/long/leases", {"count": 3})["tasks"]:
            visitor.judge("long", task, [[one["id"]] for one in task["candidates"]])
    done = visitor.ask("GET", "/projects/long/mine?limit=100")["judgements"]
    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    notice = page.locator(".dock .notice")
    for many, back in ((21, 21), (79, 100)):
        keys(page, "u " * many)
        expect(page.locator(".card .body").first).to_have_text(
            done[back - 1]["task"]["candidates"][0]["text"]
        )
        expect(notice).to_contain_text("What you sent before.")
    keys(page, "u")
    expect(notice).to_have_text("Answers before this one are too long ago to be opened here.")


def test_undo_says_when_there_was_nothing_before(served: Served, open_page: Open) -> None:
    served.project("first", tasks=2)
    page = open_page("first")
    next_task(page, "1 2 3 Enter")
    keys(page, "u u")
    expect(page.locator(".dock .notice")).to_have_text("There is nothing sent before this.")


def test_focus_that_was_in_a_text_goes_to_the_heading_of_the_next_task(
    served: Served, open_page: Open
) -> None:
    served.project("heard", tasks=2)
    page = open_page("heard")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.locator(".card .body").nth(2).focus()
    next_task(page, "1 2 3 Enter")
    heading = page.get_by_role("heading", name="Heard: heard, question")
    expect(heading).to_be_focused()
    expect(heading).to_contain_text(page.locator(".prompt .said").last.inner_text())
    keys(page, "Tab")
    expect(page.get_by_role("region", name="Prompt")).to_be_focused()
    next_task(page, "3 2 1 Enter")
    expect(page.get_by_role("heading", name="All done")).to_be_focused()


def test_what_a_reloaded_page_still_had_to_send_is_not_asked_again(served: Served, open_page: Open) -> None:
    """The tasks were told before the answer was stored, and come after it."""
    served.project("late", tasks=2)
    page = open_page("late")
    told: list[bool] = []
    page.route("**/judgements", lambda route: route.continue_() if told else route.abort())
    shown = next_task(page, "1 2 3 Enter")
    expect(page.locator(".unsent")).to_contain_text("1 answer waits")

    def late(route: Route) -> None:
        reply = route.fetch()
        told.append(True)
        until(lambda: page.wait_for_timeout(300) or done(served, "late") > 0)
        route.fulfill(response=reply)

    page.route("**/leases", late)
    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    assert set(texts(page)).isdisjoint(shown)
    next_task(page, "1 2 3 Enter")
    finished(page)
    until(lambda: done(served, "late") == 2)


def done(served: Served, slug: str) -> int:
    return int(served.ask("GET", f"/projects/{slug}/progress")["done"])
