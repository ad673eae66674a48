"""What admins and reviewers bring in and write: told truly, and not lost."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.pages.served import Served, Visitor

pytestmark = pytest.mark.slow
ROWS = [{"prompt": "O\u00f9 ?", "text": text} for text in ("l\u00e0", "derri\u00e8re le caf\u00e9")]


@pytest.fixture
def admin(served: Served, browser: Browser) -> Iterator[Page]:
    """A browser of an admin's own, as one that may complain."""
    page = browser.new_page()
    page.goto(served.invite("Writer", "admin"))
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    yield page
    page.context.close()


def upload(page: Page, content: bytes) -> None:
    told: Any = {"name": "tasks.jsonl", "mimeType": "text/plain", "buffer": content}
    page.get_by_label("File with tasks").set_input_files(told)


def encoded(how: str) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode(how)


def test_an_import_without_an_answer_is_not_called_failed(served: Served, admin: Page) -> None:
    served.ask("POST", "/projects", {"slug": "cut", "title": "Cut"})
    admin.goto(f"{served.origin}/#/p/cut")
    admin.route("**/tasks", lambda route: (route.fetch(), route.abort()))
    upload(admin, encoded("utf-8"))
    expect(admin.get_by_role("alert")).to_contain_text("Whether the rows are stored is not known.")
    admin.unroute_all()
    upload(admin, encoded("utf-8"))
    expect(admin.get_by_text("2 rows read, 0 new tasks.")).to_be_visible()


def signed_in_again(served: Served, page: Page) -> None:
    """The session ends under somebody's hands, and they come back by a new link."""
    expect(page.get_by_role("heading", name="Welcome to Concord")).to_be_visible()
    people = served.ask("GET", "/people")["people"]
    newest = max(one["id"] for one in people if one["name"] == "Writer")
    page.goto(served.ask("POST", f"/people/{newest}/links")["link"])
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()


def test_a_guideline_outlives_the_session_in_which_it_was_begun(served: Served, admin: Page) -> None:
    served.project("guided", tasks=1)
    admin.goto(f"{served.origin}/#/p/guided/guideline")
    text = admin.get_by_role("textbox", name="Text (markdown")
    text.fill("# An hour of thoughts")
    admin.context.clear_cookies()
    admin.get_by_role("button", name="Publish").click()
    signed_in_again(served, admin)
    served.ask("POST", "/projects/guided/guideline", {"text": "# Another's", "must_acknowledge": False})
    admin.goto(f"{served.origin}/#/p/guided/guideline")
    expect(text).to_have_value("# An hour of thoughts")
    expect(admin.get_by_text("You began this on version 0; version 1")).to_be_visible()
    admin.get_by_role("button", name="Publish").click()
    expect(admin.get_by_text("version 2", exact=True)).to_be_visible()
    assert served.ask("GET", "/projects/guided/guideline")["text"] == "# An hour of thoughts"
    assert admin.evaluate("Object.keys(localStorage)") == []


def test_a_decision_outlives_the_session_in_which_it_was_begun(served: Served, admin: Page) -> None:
    served.project("decided", tasks=1, overlap=2)
    for contrary in (False, True):
        rater = Visitor(served.invite(f"Rater {contrary}", projects=("decided",)))
        rater.rank_all("decided", "", contrary)
    task = served.ask("GET", "/projects/decided/agreement")["hardest"][0]["task"]
    admin.goto(f"{served.origin}/#/p/decided/task/{task}")
    expect(admin.get_by_role("heading", name="Your decision")).to_be_visible()
    for key in ("2", "1", "=", "3"):
        admin.keyboard.press(key)
    admin.get_by_role("button", name="somebody slipped").click()
    admin.get_by_role("textbox", name="Comment").fill("Long thought about.")
    admin.context.clear_cookies()
    admin.get_by_role("button", name="Decide").click()
    signed_in_again(served, admin)
    admin.goto(f"{served.origin}/#/p/decided/task/{task}")
    expect(admin.get_by_role("textbox", name="Comment")).to_have_value("Long thought about.")
    expect(admin.locator(".strip .chip")).to_have_text(["2", "1", "3", "4"])
    admin.get_by_role("button", name="Decide").click()
    said = admin.get_by_role("region", name="What was said").locator("tbody tr")
    expect(said.filter(has_text="adjudication: slip")).to_contain_text("2 \u203a 1 = 3 \u203a 4")
    assert admin.evaluate("Object.keys(localStorage)") == []


def test_a_file_in_another_encoding_is_refused_and_nothing_of_it_added(served: Served, admin: Page) -> None:
    served.ask("POST", "/projects", {"slug": "latin", "title": "Latin"})
    admin.goto(f"{served.origin}/#/p/latin")
    upload(admin, encoded("latin-1"))
    expect(admin.get_by_role("alert")).to_contain_text("tasks.jsonl is not text in UTF-8: line 1")
    assert served.ask("GET", "/projects/latin/progress")["total"] == 0
    upload(admin, encoded("utf-8"))
    expect(admin.get_by_text("2 rows read, 1 new tasks.")).to_be_visible()
