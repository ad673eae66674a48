"""Nothing is lost and nothing is stored twice, whatever the server and the page go through."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Open
from tests.pages.served import Served, until

pytestmark = pytest.mark.slow
TASKS, DEATHS = 200, 5

RANK = """
async tasks => {
  const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  const press = key => document.body.dispatchEvent(
    new KeyboardEvent("keydown", {key, code: /\\d/.test(key) ? `Digit${key}` : key, bubbles: true, cancelable: true}));
  const mark = () => document.querySelector(".card .body")?.textContent.match(/\\[(\\d+):/)?.[1] ?? null;
  const ranked = JSON.parse(sessionStorage.getItem("ranked") ?? "[]");
  let pressed = Date.now();
  while (ranked.length < tasks && !window.stop_ranking) {
    const task = mark();
    const lost = Date.now() - pressed > 3000 && !document.querySelector(".unsent");
    if (task === null || (task === ranked.at(-1) && !lost)) { await sleep(5); continue; }
    if (task === ranked.at(-1)) {  // keys that came before the page listened: a person would press again
      ["Backspace", "Backspace", "Backspace", "Backspace"].forEach(press);
    } else {
      ranked.push(task);
    }
    pressed = Date.now();
    sessionStorage.setItem("ranked", JSON.stringify(ranked));
    ["2", "1", "3", "Enter"].forEach(press);
    await sleep(5);
  }
  return ranked;
}
"""


@pytest.mark.long
def test_two_hundred_tasks_survive_five_deaths_of_the_server(served: Served, open_page: Open) -> None:
    """Ranked by a script in the browser; the page is reloaded once with answers that no server has yet."""
    served.project("killed", tasks=TASKS, words=12)
    page = open_page("killed")
    begin(page)
    for death in range(1, DEATHS + 1):
        until(lambda death=death: ranked(page) >= death * TASKS // (DEATHS + 1), 180)
        served.kill()
        expect(page.locator(".unsent")).to_contain_text(
            re.compile("answers? waits? to be sent"), timeout=20_000
        )
        if death == 3:
            page.evaluate("window.stop_ranking = true")
        served.start()
        if (
            death == 3
        ):  # the server is back; the page is not yet aware of it, and is thrown away with what it holds
            page.reload()
            expect(page.locator(".card, .empty").first).to_be_visible()
            begin(page)
    until(lambda: ranked(page) == TASKS, 180)
    until(lambda: served.ask("GET", "/projects/killed/progress")["done"] == TASKS, 60)
    rows = served.rankings("killed")
    stored = sorted(str(row["prompt"]) for row in rows)
    assert len(rows) == TASKS
    assert len(set(stored)) == TASKS


def begin(page: Page) -> None:
    """Let the script rank on its own."""
    page.evaluate(f"void ({RANK})({TASKS})")


def ranked(page: Page) -> int:
    """How many tasks the script has ranked."""
    return int(page.evaluate("JSON.parse(sessionStorage.getItem('ranked') ?? '[]').length"))


def test_answers_survive_a_page_that_is_closed_while_the_server_is_dead(
    served: Served, open_page: Open
) -> None:
    served.project("closed", tasks=4, words=12)
    page = open_page("closed")
    context = page.context
    served.kill()
    for key in ("1", "2", "3", "Enter", "4", "3", "2", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".unsent")).to_contain_text("2 answers wait to be sent; kept safely here")
    page.close()
    served.start()
    page = context.new_page()
    page.goto(f"{served.origin}/#/p/closed")
    until(lambda: served.ask("GET", "/projects/closed/progress")["done"] == 2)
    assert served.ask("GET", "/projects/closed/history")["flaw"] is None


def test_somebody_signed_out_meanwhile_loses_nothing(served: Served, open_page: Open) -> None:
    served.project("gone", tasks=2, words=12)
    page = open_page("gone")
    page.context.clear_cookies()
    for key in ("1", "2", "3", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Welcome to Concord")).to_be_visible()
    person = next(one["id"] for one in served.ask("GET", "/people")["people"] if one["projects"] == ["gone"])
    page.goto(served.ask("POST", f"/people/{person}/links")["link"])
    until(lambda: served.ask("GET", "/projects/gone/progress")["done"] == 1)
