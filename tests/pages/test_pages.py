"""Every page, wide and narrow, light and dark: nothing foreign runs, nobody is shut out, all by keys."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.pages.hands import careful, dressed, violations
from tests.pages.served import Served, Visitor, until

pytestmark = pytest.mark.slow
HOSTILE = (
    '<img src=x onerror="window.__xss=1"><script>window.__xss=1</script>\u202e[x](javascript:window.__xss=1)'
)
MARK = 'onerror="window.__xss=1"'
PAGES = (
    "",
    "p/full",
    "p/full/rank",
    "p/full/agreement",
    "p/full/task",
    "p/full/compare",
    "p/full/guideline",
    "people",
)


@pytest.fixture(scope="module")
def link(served: Served) -> str:
    """A project in which every text is hostile, judged by two people who never agree."""
    aspects = [{"name": "kind", "title": f"Kind {HOSTILE}"[:80], "low": 1, "high": 5}]
    told = {"slug": "full", "title": f"All {HOSTILE}"[:80], "overlap": 3, "aspects": aspects}
    served.ask("POST", "/projects", told)
    served.ask("POST", "/projects/full/guideline", {"text": f"# Old {HOSTILE}", "must_acknowledge": False})
    text = f"# Look {HOSTILE}\n\n- item {HOSTILE}\n\n```\n{HOSTILE}\n```"
    served.ask("POST", "/projects/full/guideline", {"text": text, "must_acknowledge": False})
    rows = [
        {
            "prompt": {
                "messages": [
                    {"role": "system", "content": HOSTILE},
                    {"role": "user", "content": f"{n} {HOSTILE}"},
                ]
            },
            "text": f"{'word ' * (5 * k + 5)}{HOSTILE} {n}.{k}",
            "by": f"model {HOSTILE} {k % 2}",
        }
        for n in range(4)
        for k in range(4)
    ]
    served.add("full", rows)
    for contrary in (False, True):
        visitor = Visitor(served.invite(f"{contrary} {HOSTILE}"[:80], projects=("full",)))
        visitor.rank_all("full", f"comment {HOSTILE}", contrary)
    served.ask("POST", "/tokens", {"name": f"key {HOSTILE}"[:80], "role": "annotator"})
    return served.invite(f"Admin {HOSTILE}"[:80], "admin")


@pytest.fixture(scope="module")
def page(served: Served, browser: Browser, link: str) -> Iterator[Page]:
    """An admin's browser that notes whatever it complains of."""
    with careful(browser, served.origin) as page:
        page.goto(link)
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        yield page


def look(page: Page, served: Served, where: str) -> None:
    """Goes to a page and waits until it is there."""
    if where.endswith("task"):
        where += f"/{served.ask('GET', '/projects/full/agreement')['hardest'][0]['task']}"
    page.goto(f"{served.origin}/#/{where}")
    expect(page.locator("main")).to_be_visible()
    expect(page.get_by_role("heading", name="One moment")).to_have_count(0, timeout=90_000)
    if where.endswith("rank"):
        expect(page.locator(".card").first).to_be_visible()


@pytest.mark.parametrize("where", PAGES, ids=lambda where: where or "projects")
def test_foreign_text_is_shown_as_text(served: Served, page: Page, where: str) -> None:
    look(page, served, where)
    for one in page.locator("details").all():
        one.evaluate("element => { element.open = true; }")
    if where.endswith("rank"):
        page.keyboard.press("g")
        expect(page.get_by_role("complementary").get_by_role("heading", name="Look")).to_be_visible()
    expect(page.locator("main")).to_contain_text(MARK, timeout=90_000)
    assert page.evaluate("window.__xss") is None
    assert page.locator("main img, main script, main a[href^=javascript], .top img").count() == 0
    if where.endswith("rank"):
        page.keyboard.press("Escape")


@pytest.mark.parametrize("how", ["wide light", "narrow dark"])
def test_nobody_is_shut_out(served: Served, page: Page, axe: str, how: str) -> None:
    """No serious violation of the rules of accessibility, and nothing wider than the screen."""
    dressed(page, how)
    found = []
    for where in PAGES:
        look(page, served, where)
        if where.endswith("rank"):
            for key in ("2", "0", "c", "Escape", "d", "s"):
                page.keyboard.press(key)
        found += [f"{where}: {one}" for one in violations(page, axe)]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
        if where.endswith("rank"):
            page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert found == []


def test_a_reviewer_decides(served: Served, page: Page) -> None:
    look(page, served, "p/full/task")
    said = page.get_by_role("region", name="What was said").locator("tbody tr")
    expect(said).to_have_count(2)
    for key in ("2", "1", "=", "3"):
        page.keyboard.press(key)
    page.get_by_role("button", name="a real difference of taste").click()
    page.get_by_role("button", name="Decide").click()
    expect(said).to_have_count(3)
    expect(said.filter(has_text="adjudication: taste")).to_contain_text("2 \u203a 1 = 3 \u203a 4")


def test_a_guideline_is_written_and_confirmed(served: Served, page: Page, browser: Browser) -> None:
    served.project("told", tasks=1)
    somebody = browser.new_page()
    somebody.goto(served.invite("told", projects=("told",)))
    look(page, served, "p/told/guideline")
    page.get_by_role("textbox", name=re.compile("^Text")).fill("# First\n\nBe **kind**.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("version 1")).to_be_visible()
    expect(somebody.get_by_role("heading", name="Projects")).to_be_visible()
    somebody.goto(f"{served.origin}/#/p/told/rank")
    expect(somebody.get_by_role("heading", name="The guideline has changed")).to_be_visible()
    somebody.get_by_role("link", name="Read the guideline").click()
    somebody.get_by_role("button", name="I have read it").click()
    expect(somebody.get_by_text("You have confirmed this version")).to_be_visible()
    somebody.get_by_role("link", name="To the tasks").click()
    expect(somebody.locator(".card")).to_have_count(4)
    for key in ("1", "2", "3", "Enter"):
        somebody.keyboard.press(key)
    expect(somebody.get_by_role("heading", name="All done")).to_be_visible()
    until(lambda: served.ask("GET", "/projects/told/progress")["done"] == 1)
    somebody.context.close()


def test_somebody_is_invited_by_a_link_that_serves_once(served: Served, page: Page, browser: Browser) -> None:
    look(page, served, "people")
    page.get_by_role("textbox", name="Name").fill("New One")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("textbox", name="A way in for New One").input_value()
    other = browser.new_page()
    other.goto(link)
    expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    assert "login" not in other.url
    assert other.get_by_role("link", name="People").count() == 0
    other.goto("about:blank")
    other.goto(link)
    expect(other.get_by_role("heading", name="This link does not open any more")).to_be_visible()
    expect(other.get_by_role("alert")).to_contain_text("Ask for a new one")
    other.context.close()
    page.get_by_role("row", name=re.compile("New One")).get_by_role("combobox").select_option("reviewer")
    expect(page.get_by_text("New One is reviewer now.")).to_be_visible()
    close = page.get_by_role("button", name="Close the way in of New One")
    close.click()
    page.get_by_role("button", name="Really close the way in of New One").click()
    expect(page.get_by_text("New One has no way in any more")).to_be_visible()


def test_somebody_is_given_another_project(served: Served, page: Page) -> None:
    served.project("given", tasks=1)
    other = Visitor(served.invite("Guest", projects=("full",)))
    assert [one["slug"] for one in other.ask("GET", "/projects")] == ["full"]
    look(page, served, "")
    look(page, served, "people")
    page.get_by_text("full: change the projects of Guest").click()
    page.get_by_role("group", name="Projects of Guest").get_by_label("Given").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The projects of Guest are changed.")).to_be_visible()
    assert {one["slug"] for one in other.ask("GET", "/projects")} == {"full", "given"}


def test_an_empty_project_says_so(served: Served, page: Page) -> None:
    served.ask("POST", "/projects", {"slug": "bare", "title": "Bare"})
    look(page, served, "p/bare")
    expect(page.get_by_role("heading", name="The loop")).to_have_count(0)
    page.goto(f"{served.origin}/#/p/bare/rank")
    expect(page.get_by_role("heading", name="There are no tasks yet")).to_be_visible()


def test_a_project_is_made_and_filled_on_the_pages(served: Served, page: Page) -> None:
    look(page, served, "")
    page.get_by_text("New project").click()
    page.get_by_role("textbox", name="Title").fill("Made here")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("link", name="Made here").click()
    expect(page.get_by_text("There are no tasks yet")).to_be_visible()
    rows: list[dict[str, Any]] = [{"prompt": "Why?", "text": text} for text in ("because", "who knows")]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    file = {"name": "t.jsonl", "mimeType": "text/plain", "buffer": content}
    page.get_by_label("File with tasks").set_input_files(file)
    expect(page.get_by_text("2 rows read, 1 new tasks.")).to_be_visible()
    page.get_by_role("link", name="Start to rank").click()
    expect(page.locator(".card")).to_have_count(2)


def test_an_export_says_what_it_loses_before_it_is_fetched(served: Served, page: Page) -> None:
    look(page, served, "p/full")
    page.get_by_text("Everybody\u2019s latest answers as a file").click()
    main = page.locator("main")
    expect(main).to_contain_text("Nothing is lost.")
    page.get_by_label("Format").select_option("rewardbench-2")
    expect(main).to_contain_text("rewardbench-2 cannot carry dialogues")
    expect(page.get_by_role("button", name=re.compile("Download"))).to_have_count(0)
    page.get_by_label("Format").select_option("trl-preference-chat")
    page.get_by_label("Packed as").select_option("csv")
    expect(main).to_contain_text("trl-preference-chat cannot carry lists")
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Download full.trl-preference-chat.csv").click()
    assert fetched.value.suggested_filename == "full.trl-preference-chat.csv"
    text = fetched.value.path().read_text(encoding="utf-8")
    assert text.startswith("prompt:json,chosen:json,rejected:json\n")
    assert page.evaluate("window.__xss") is None


def test_an_export_that_cannot_be_written_says_why(served: Served, browser: Browser) -> None:
    """An order is a list of names there, and one with a tie an object of buckets."""
    served.project("mixed", tasks=2)
    rater = Visitor(served.invite("Rater", projects=("mixed",)))
    tasks = rater.ask("POST", "/projects/mixed/leases", {"count": 2})["tasks"]
    names = [[each["id"] for each in task["candidates"]] for task in tasks]
    rater.judge("mixed", tasks[0], [[name] for name in names[0]])
    rater.judge("mixed", tasks[1], [names[1][:2], names[1][2:]])
    other = browser.new_page()  # the other one notes that the server refused
    other.goto(served.invite("Exporter", "admin"))
    expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    other.goto(f"{served.origin}/#/p/mixed")
    other.get_by_text("Everybody\u2019s latest answers as a file").click()
    other.get_by_label("Format").select_option("label-studio")
    other.get_by_label("Packed as").select_option("parquet")
    other.get_by_role("button", name="Download mixed.label-studio.parquet").click()
    expect(other.get_by_role("alert")).to_contain_text("Write JSON Lines instead.")
    other.context.close()


def test_what_is_not_there_is_told_in_words(served: Served, page: Page) -> None:
    look(page, served, "p/nowhere")
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
    look(page, served, "p/full/nothing")
    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
