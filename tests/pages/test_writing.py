"""What admins and reviewers bring in and write: told truly, and not lost."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.pages.served import Served

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
