"""The pages of runs in a browser: live, hostile, wide and narrow, light and dark, by keys alone."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.pages.hands import careful, dressed, violations
from tests.pages.served import Visitor
from tests.rooms import runfolders
from tests.rooms.runfolders import HOSTILE

pytestmark = pytest.mark.slow
MARK = 'onerror="window.__xss=1"'
NAME = "one <img src=x onerror='window.__xss=1'>"
SERVE = """
import sys
from pathlib import Path
from concord.annotation import watching
from concord.annotation.server import Front, Server
watching.LONGEST = 3.0  # streams break off often, so that taking them up again is tried in every test
from concord.annotation.store import Store
server = Server(Store.open(sys.argv[1]), Front(port=0), Path(sys.argv[2]))
print(server.way_in(True), server.origin, flush=True)
server.run()
"""


class Watching:
    """A server of its own on a folder of runs, and an owner who looks."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.runs.mkdir()
        command = [sys.executable, "-c", SERVE, str(folder / "store"), str(self.runs)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.link, self.origin = self.process.stdout.readline().split()
        self.owner = Visitor(self.link)

    def invite(self, name: str, role: str) -> str:
        asked = {"name": name, "role": role, "projects": []}
        return str(self.owner.ask("POST", "/people", asked)["link"])

    def close(self) -> float:
        """End it in good order; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return time.monotonic() - began


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    """A run in which every text is hostile, its name too, and a quiet one."""
    made = Watching(tmp_path_factory.mktemp("watching"))
    hostile = runfolders.begun(made.runs / NAME, overrides=[HOSTILE])
    runfolders.watched(hostile, HOSTILE)
    runfolders.add(
        hostile / "align.partial" / "metrics.jsonl", [runfolders.line(41, **{f"kl {HOSTILE}"[:80]: 1.0})]
    )
    runfolders.write(hostile / "gate" / "verdict.json", {"go": False, "because": [f"because {HOSTILE}"]})
    (hostile / "report.html").write_text(f"<h1>A report</h1>{HOSTILE}", encoding="utf-8")
    quiet(made.runs / "quiet")
    yield made
    assert made.close() < 5  # open streams keep nobody waiting


def quiet(folder: Path) -> Path:
    run = runfolders.begun(folder)
    runfolders.making(run, "align", 40)
    runfolders.locked(run)
    runfolders.locked(run, ".locks/align.lock")
    return run


@pytest.fixture(scope="module")
def page(watching: Watching, browser: Browser) -> Iterator[Page]:
    """A reviewer's browser that notes whatever it complains of."""
    with careful(browser, watching.origin) as page:
        page.goto(watching.invite("reviewer", "reviewer"))
        page.get_by_role("link", name="Runs").click()
        yield page


def look(page: Page, watching: Watching, name: str = "", stage: str = "") -> None:
    page.goto(watching.origin + "/#/")
    page.goto(watching.origin + "/#/runs")
    expect(page.get_by_role("heading", name="Runs in runs")).to_be_visible()
    if name:
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator(".plot svg").first).to_be_visible()


def test_foreign_text_is_shown_as_text(watching: Watching, page: Page) -> None:
    look(page, watching, NAME)
    expect(page.get_by_text("live")).to_be_visible()
    for one in page.locator("details").all():
        one.evaluate("element => { element.open = true; }")
    expect(page.locator(".alarms")).to_contain_text(MARK)
    expect(page.locator(".pairs-said")).to_contain_text(MARK)
    for place in ("a text alone", "another", "because <img", "rule gold <img", "kl <img"):
        expect(page.locator("main")).to_contain_text(place)
    assert page.evaluate("window.__xss") is None
    assert page.locator("main img, main script, main a[href^=javascript], .top img").count() == 0


def test_a_report_runs_nothing_and_reaches_nothing(watching: Watching, page: Page) -> None:
    look(page, watching, NAME)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    report = opened.value
    expect(report.get_by_role("heading", name="A report")).to_be_visible()
    assert report.evaluate("window.__xss") is None and report.evaluate("window.origin") == "null"
    assert report.evaluate("window.opener") is None
    report.close()


@pytest.mark.parametrize("how", ["wide light", "wide dark", "narrow light", "narrow dark"])
def test_nobody_is_shut_out(watching: Watching, page: Page, axe: str, how: str) -> None:
    """No serious violation of the rules of accessibility, and nothing wider than the screen."""
    dressed(page, how)
    found = []
    for name in ("", "quiet", NAME):
        look(page, watching, name)
        for one in page.locator("details").all():
            one.evaluate("element => { element.open = true; }")
        found += [f"{name}: {one}" for one in violations(page, axe)]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.set_viewport_size({"width": 1280, "height": 800})
    assert found == []


def test_a_chart_is_read_by_keys_and_all_charts_together(watching: Watching, page: Page) -> None:
    look(page, watching, "quiet")
    reward = page.get_by_role("slider", name="Reward")
    reward.focus()
    expect(reward).to_have_attribute("aria-valuetext", "step 40: proxy 4")
    page.keyboard.press("Home")
    expect(reward).to_have_attribute("aria-valuetext", "step 1: proxy 0.1")
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    expect(reward).to_have_attribute("aria-valuetext", "step 10: proxy 1")
    expect(page.get_by_role("slider", name="Loss")).to_have_attribute("aria-valuetext", "step 10: loss 0.1")
    page.keyboard.press("Escape")
    expect(reward).to_have_attribute("aria-valuetext", "step 40: proxy 4")
    box = reward.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 46, box["y"] + 50)
    expect(reward).to_have_attribute("aria-valuetext", re.compile("step [12]: "))
    page.mouse.move(5, 5)


def test_steps_come_by_themselves_each_of_them_once(watching: Watching, page: Page) -> None:
    """Also when lines come in halves, the file is another one, an alarm is raised and the run goes on elsewhere."""
    run = quiet(watching.runs / "growing")
    stage = run / "align.partial"
    look(page, watching, "growing")
    expect(page.get_by_text("live")).to_be_visible()
    told = page.locator(".standing")
    loss = page.get_by_role("slider", name="Loss")
    for step in range(41, 61):
        text = json.dumps(runfolders.line(step)) + "\n"
        with (stage / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(text[:10])
            file.flush()
            time.sleep(0.02)
            file.write(text[10:])
    expect(told).to_contain_text("step 60")
    expect(loss).to_have_attribute("aria-valuemax", "60")
    assert traced(page) == 60
    runfolders.add(
        stage / "alarms.jsonl", [{"step": 60, "rule": "drift", "value": 7, "limit": 6, "samples": ["x"]}]
    )
    expect(page.get_by_role("heading", name="1 alarm")).to_be_visible()
    runfolders.add(stage / "new", (runfolders.line(step) for step in range(1, 31)))
    (stage / "new").rename(stage / "metrics.jsonl")  # it was killed, and goes on from its checkpoint
    expect(told).to_contain_text("step 30")
    assert traced(page) == 30
    runfolders.finish(run, "align", 99)
    runfolders.making(run, "rivals/dpo", 12)
    runfolders.locked(run, ".locks/rivals-dpo.lock")
    expect(told).to_contain_text("rivals/dpo step 12")
    expect(page.get_by_role("heading", name="Numbers of rivals/dpo")).to_be_visible()
    page.get_by_role("link", name="align", exact=True).click()
    expect(page.get_by_role("heading", name="Numbers of align")).to_be_visible()
    page.get_by_role("link", name="Follow what is being made").click()
    expect(page.get_by_role("heading", name="Numbers of rivals/dpo")).to_be_visible()


def traced(page: Page) -> int:
    """The points of the chart of the loss."""
    path = page.locator("figure", has_text="Loss").locator(".trace").get_attribute("d") or ""
    return len(re.findall("[ML]", path))


def test_a_page_that_nobody_sees_rests_and_catches_up(watching: Watching, page: Page) -> None:
    stage = quiet(watching.runs / "unseen") / "align.partial"
    look(page, watching, "unseen")
    told = page.locator(".standing")
    expect(page.get_by_text("live")).to_be_visible()
    seen(page, False)
    runfolders.add(stage / "metrics.jsonl", [runfolders.line(step) for step in range(41, 46)])
    time.sleep(2.5)
    expect(told).to_contain_text("step 40")
    seen(page, True)
    expect(told).to_contain_text("step 45")
    assert traced(page) == 45


def seen(page: Page, visible: bool) -> None:
    """Whether the tab is in front, as the browser would tell the page."""
    hidden = "false" if visible else "true"
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_whoever_may_no_longer_look_is_found_out(watching: Watching, browser: Browser) -> None:
    quiet(watching.runs / "private")
    somebody: Any = browser.new_page()
    somebody.goto(watching.invite("leaving", "reviewer"))
    somebody.get_by_role("link", name="Runs").click()
    somebody.get_by_role("link", name="private", exact=True).click()
    expect(somebody.get_by_text("live")).to_be_visible()
    (person,) = (one for one in watching.owner.ask("GET", "/people")["people"] if one["name"] == "leaving")
    watching.owner.ask("POST", f"/people/{person['id']}/disable", {})
    expect(somebody.get_by_role("heading", name="Welcome to Concord")).to_be_visible()
    somebody.context.close()


def test_a_run_that_is_deleted_is_told_gone(watching: Watching, page: Page) -> None:
    run = quiet(watching.runs / "doomed")
    look(page, watching, "doomed")
    shutil.rmtree(run)
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("moved or deleted")


def test_annotators_are_shown_no_way_to_the_runs(watching: Watching, browser: Browser) -> None:
    somebody: Any = browser.new_page()
    somebody.goto(watching.invite("annotator", "annotator"))
    expect(somebody.get_by_role("heading", name="No project yet")).to_be_visible()
    assert somebody.get_by_role("link", name="Runs").count() == 0
    somebody.goto(watching.origin + "/#/runs")
    expect(somebody.get_by_role("alert")).to_contain_text("This is for a reviewer")
    somebody.context.close()
