"""A browser at the ranking page, and what hands do there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect
from tests.pages.served import Served, until


def at_work(context: BrowserContext, served: Served, link: str, slug: str) -> Page:
    """Signs somebody in and opens the ranking page of a project."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(link)
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    page.goto(f"{served.origin}/#/p/{slug}/rank")
    expect(page.locator(".card").first).to_be_visible()
    return page


def texts(page: Page) -> list[str]:
    return page.locator(".card .body").all_inner_texts()


def keys(page: Page, pressed: str) -> None:
    for key in pressed.split():
        page.keyboard.press(key)


def next_task(page: Page, pressed: str) -> list[str]:
    """Presses keys that send; what had been shown, once the next task or the end is there."""
    expect(page.locator(".card").first).to_be_visible()
    before = texts(page)
    keys(page, pressed)
    expect(page.locator(".card .body", has_text=re.compile(re.escape(before[0][-8:])))).to_have_count(0)
    return before


def stored(served: Served, slug: str, count: int) -> list[dict[str, Any]]:
    """Rankings as exported, as soon as there are so many."""
    until(lambda: served.ask("GET", f"/projects/{slug}/progress")["done"] == count)
    return served.rankings(slug)


def tiers(row: dict[str, Any]) -> list[set[str]]:
    """The texts of an exported ranking, best tier first."""
    said = [one["text"] for one in row["completions"]]
    return [{said[place] for place in tier} for tier in row["tiers"]]


def place_of(page: Page, number: int) -> Locator:
    return page.locator(".card").nth(number - 1).locator(".place")


def mine(page: Page) -> list[dict[str, Any]]:
    """What the person of this page has said, by the API."""
    slug = page.url.split("/")[-2]
    told = page.evaluate(
        "path => fetch(path).then(reply => reply.json())", f"/api/v1/projects/{slug}/mine?limit=20"
    )
    return list(told["judgements"])


def drag(page: Page, grip: Locator, zone: str) -> None:
    """As a hand does: take it, see where it may go, let it go there."""
    at = grip.bounding_box()
    assert at is not None
    page.mouse.move(at["x"] + 5, at["y"] + 5)
    page.mouse.down()
    page.mouse.move(at["x"] + 25, at["y"] + 25)
    to = page.locator(zone).first.bounding_box()
    assert to is not None
    page.mouse.move(to["x"] + to["width"] / 2, to["y"] + to["height"] / 2, steps=3)
    page.mouse.up()


def finger(page: Page, grip: Locator, zone: str) -> None:
    """The same with a finger."""
    touch = page.context.new_cdp_session(page)

    def at(kind: str, *points: tuple[float, float]) -> None:
        told = {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        touch.send("Input.dispatchTouchEvent", told)

    box = grip.bounding_box()
    assert box is not None
    at("touchStart", (box["x"] + 10, box["y"] + 10))
    at("touchMove", (box["x"] + 40, box["y"] - 20))
    to = page.locator(zone).first.bounding_box()
    assert to is not None
    at("touchMove", (to["x"] + to["width"] / 2, to["y"] + to["height"] / 2))
    at("touchEnd")


@contextmanager
def careful(browser: Browser, origin: str) -> Iterator[Page]:
    """A page that notes whatever the browser complains of, and any request that leaves the server: there is none."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(30_000)
    faults: list[str] = []
    page.on("console", lambda message: noted(faults, message))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append("a dialog"))
    page.on("request", lambda request: request.url.startswith(origin) or faults.append(request.url))
    yield page
    context.close()
    assert faults == []


def noted(faults: list[str], message: ConsoleMessage) -> None:
    if message.type in ("error", "warning") and "404" not in message.text:
        faults.append(message.text)


def dressed(page: Page, how: str) -> None:
    """Makes the screen wide or narrow, light or dark."""
    wide, light = how.split()
    size = (1280, 800) if wide == "wide" else (360, 740)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="light" if light == "light" else "dark")


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds serious or critical."""
    page.evaluate(axe)
    told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in told["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
