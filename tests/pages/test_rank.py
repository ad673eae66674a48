"""Ranking in a real browser: the grammar by keys, taps and drags, and what the server stores of it."""

import json
import random
import statistics
import time

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Open
from tests.pages.hands import drag, finger, keys, mine, next_task, place_of, stored, texts, tiers
from tests.pages.served import Served, until

pytestmark = pytest.mark.slow


def test_four_keystrokes_rank_four(served: Served, open_page: Open) -> None:
    served.project("four", tasks=1, words=100)
    page = open_page("four")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.locator(".card .body").evaluate_all("all => all.every(e => e.scrollHeight <= e.clientHeight)")
    expect(page.locator(".place", has_text="not ranked yet")).to_have_count(4)
    with page.expect_request("**/judgements") as sent:
        shown = next_task(page, "2 1 3 Enter")
    (row,) = stored(served, "four", 1)
    assert tiers(row) == [{shown[1]}, {shown[0]}, {shown[2]}, {shown[3]}]
    said = sent.value.post_data_json
    assert said["keystrokes"] == 4
    assert said["tiers"] == [[said["shown"][place]] for place in (1, 0, 2, 3)]
    assert 0 < said["first_seconds"] <= said["active_seconds"] + said["idle_seconds"] < 60


def test_ties_and_taking_back(served: Served, open_page: Open) -> None:
    served.project("ties", tasks=1)
    page = open_page("ties")
    shown = next_task(page, "4 1 Backspace 2 = 1 Enter")
    (row,) = stored(served, "ties", 1)
    assert tiers(row) == [{shown[3]}, {shown[1], shown[0]}, {shown[2]}]


def test_a_part_is_sent_only_where_it_may_be(served: Served, open_page: Open) -> None:
    served.project("part", tasks=1, partial_allowed=True)
    served.project("whole", tasks=1)
    page = open_page("whole")
    keys(page, "3 1 Enter")
    expect(page.get_by_role("status").filter(has_text="2 of 4 not ranked yet.")).to_be_visible()
    page = open_page("part")
    shown = next_task(page, "3 1 Enter")
    (row,) = stored(served, "part", 1)
    assert tiers(row)[:2] == [{shown[2]}, {shown[0]}]
    assert {text for tier in tiers(row) for text in tier} == {shown[2], shown[0]}


def test_all_bad_skip_comment_and_marks(served: Served, open_page: Open) -> None:
    aspects = [{"name": "helpful", "title": "Helpful", "low": 1, "high": 5}]
    served.project("words", tasks=3, aspects=aspects)
    page = open_page("words")
    next_task(page, "0 Enter")
    next_task(page, "s 2 Enter")
    keys(page, "c")
    page.keyboard.type("3 is a lie")
    keys(page, "Enter a 5 4 3 2")
    next_task(page, "1 2 3 Enter")
    until(lambda: served.ask("GET", "/projects/words/progress")["done"] == 2)
    said = {(one["all_bad"], one["skip"], one["comment"]) for one in mine(page)}
    assert said == {
        (True, None, None),
        (False, "The prompt makes no sense", None),
        (False, None, "3 is a lie"),
    }
    (marked,) = [one for one in mine(page) if one["aspects"]]
    shown = [one["id"] for one in marked["task"]["candidates"]]
    assert [marked["aspects"]["helpful"][one] for one in shown] == [5, 4, 3, 2]


def test_undo_opens_the_task_before_and_stores_a_revision(served: Served, open_page: Open) -> None:
    served.project("undone", tasks=2)
    page = open_page("undone")
    first = next_task(page, "1 2 3 Enter")
    second = texts(page)
    keys(page, "2")
    keys(page, "u")
    expect(place_of(page, 1)).to_have_text("#1 best")
    assert texts(page) == first
    keys(page, "Backspace Backspace Backspace Backspace 4 3 2 Enter")
    expect(page.locator(".card .body").first).to_have_text(second[0])
    expect(place_of(page, 2)).to_have_text("#1 best")
    next_task(page, "1 3 Enter")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    keys(page, "u")
    expect(place_of(page, 2)).to_have_text("#1 best")
    next_task(page, "0 Enter")
    rows = stored(served, "undone", 2)
    assert [{text} for text in reversed(first)] in [tiers(row) for row in rows]
    until(lambda: sorted((one["revision"], one["all_bad"]) for one in mine(page)) == [(2, False), (2, True)])


def test_an_edited_answer_is_stored(served: Served, open_page: Open) -> None:
    served.project("edited", tasks=1)
    page = open_page("edited")
    keys(page, "2 1 3 e")
    page.keyboard.press("Control+A")
    page.keyboard.type("Water it. 1 2 3 u s")
    keys(page, "Escape")
    expect(page.locator(".card").nth(1).get_by_text("edited")).to_be_visible()
    next_task(page, "Enter")
    until(lambda: served.ask("GET", "/projects/edited/progress")["done"] == 1)
    assert [list(one["edits"].values()) for one in mine(page)] == [["Water it. 1 2 3 u s"]]


def test_best_and_worst_take_two_digits(served: Served, open_page: Open) -> None:
    served.project("ends", tasks=1, mode="best-worst")
    page = open_page("ends")
    shown = next_task(page, "3 1 Enter")
    (row,) = stored(served, "ends", 1)
    assert tiers(row) == [{shown[2]}, {shown[1], shown[3]}, {shown[0]}]


def test_two_are_compared_by_one_digit(served: Served, open_page: Open) -> None:
    served.project("pairs", tasks=4, candidates=2, mode="compare")
    page = open_page("pairs")
    shown = [next_task(page, f"{digit} Enter") for digit in (1, 2, 3, 4)]
    until(lambda: served.ask("GET", "/projects/pairs/progress")["done"] == 4)
    rows = [tiers(row) for row in served.rankings("pairs")]
    assert [{shown[0][0]}, {shown[0][1]}] in rows
    assert [{shown[1][1]}, {shown[1][0]}] in rows
    assert [set(shown[2])] in rows
    assert [one["all_bad"] for one in mine(page)].count(True) == 1


def test_drags_and_taps_do_what_keys_do(served: Served, open_page: Open) -> None:
    served.project("dragged", tasks=1)
    page = open_page("dragged")
    shown = texts(page)
    grips = page.locator(".card .grip")
    drag(page, grips.nth(0), ".gap")
    drag(page, grips.nth(1), ".gap")
    drag(page, grips.nth(2), ".tier:has-text('1')")
    expect(page.locator(".strip .chip")).to_have_text(["2", "1", "3", "4"])
    drag(page, page.locator(".chip", has_text="4"), ".gap")
    next_task(page, "Enter")
    (row,) = stored(served, "dragged", 1)
    assert tiers(row) == [{shown[3]}, {shown[1]}, {shown[0], shown[2]}]


def test_fingers_on_a_narrow_screen(served: Served, open_page: Open) -> None:
    served.project("touched", tasks=1, words=100)
    page = open_page("touched", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    shown = texts(page)
    for number in (3, 1, 4):
        page.locator(".card .grip").nth(number - 1).tap()
    expect(page.locator(".strip .chip")).to_have_text(["3", "1", "4", "2"])
    finger(page, page.locator(".chip", has_text="4"), ".gap")
    expect(page.locator(".strip .chip")).to_have_text(["4", "3", "1", "2"])
    page.get_by_role("button", name="Send").tap()
    (row,) = stored(served, "touched", 1)
    assert tiers(row) == [{shown[3]}, {shown[2]}, {shown[0]}, {shown[1]}]


def test_what_is_begun_survives_a_reload(served: Served, open_page: Open) -> None:
    served.project("begun", tasks=1)
    page = open_page("begun")
    shown = texts(page)
    keys(page, "2 4")
    page.reload()
    expect(place_of(page, 2)).to_have_text("#1 best")
    assert texts(page) == shown


def test_help_guideline_difference_and_one_alone(served: Served, open_page: Open) -> None:
    served.project("looked", tasks=1)
    served.ask("POST", "/projects/looked/guideline", {"text": "# Be **kind**", "must_acknowledge": False})
    page = open_page("looked")
    keys(page, "?")
    expect(page.get_by_role("complementary", name="Help")).to_contain_text("take the last one back")
    keys(page, "g")
    expect(page.get_by_role("complementary", name="Guideline").locator("strong")).to_have_text("kind")
    keys(page, "Escape 2 d")
    expect(page.get_by_role("complementary")).to_have_count(0)
    assert page.locator(".card ins").count() > 0
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.keyboard.press("Shift+Digit3")
    expect(page.locator(".card:visible")).to_have_count(1)
    keys(page, "Escape")
    expect(page.locator(".card:visible")).to_have_count(4)


LEASES = """
fetch("/api/v1/projects/blind/leases", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: '{"count": 1, "holding": []}',
}).then(reply => reply.text())
"""


def test_nothing_tells_who_wrote_what(served: Served, open_page: Open) -> None:
    """Orders differ between people, and no name of a model ever reaches the page."""
    served.ask("POST", "/projects", {"slug": "blind", "title": "Blind", "overlap": 3})
    served.add(
        "blind", [{"prompt": "Who?", "text": f"answer {n}", "by": f"secret-model-{n}"} for n in range(5)]
    )
    orders = []
    for _ in range(3):
        page = open_page("blind")
        orders.append(tuple(texts(page)))
        page.reload()
        expect(page.locator(".card").first).to_be_visible()
        assert tuple(texts(page)) == orders[-1], "the order stays on reload"
        given = page.evaluate(LEASES)
        assert "secret-model" not in page.content() + given
        assert [one["text"] for one in json.loads(given)["tasks"][0]["candidates"]] == list(orders[-1])
    assert len(set(orders)) > 1


def test_the_next_task_is_painted_at_once(served: Served, open_page: Open) -> None:
    """The page's own time, by its own clock, for somebody who needs a moment for each task."""
    served.project("quick", tasks=22, words=100)
    page = open_page("quick")
    for _ in range(21):
        page.wait_for_timeout(100)
        next_task(page, "2 1 3 Enter")
    page.wait_for_timeout(100)
    times = page.evaluate("performance.getEntriesByName('concord:next').map(entry => entry.duration)")
    median = statistics.median(times)
    print(f"from Enter to the next task on the screen: median {median:.0f} ms of {len(times)}")
    assert len(times) == 21
    assert median < 600  # 150 is the bar on a machine that does nothing else


def test_differences_of_nine_long_answers_are_found_once_and_not_at_every_key(
    served: Served, open_page: Open
) -> None:
    draw = random.Random(1)
    texts = [" ".join(str(draw.randrange(500)) for _ in range(1_900)) for _ in range(9)]
    served.ask("POST", "/projects", {"slug": "lengthy", "title": "Lengthy"})
    served.add("lengthy", [{"prompt": "Which?", "text": text} for text in texts])
    page = open_page("lengthy")
    alone = typing(page, "c", "Enter")
    keys(page, "1 d")
    expect(page.locator(".card ins").first).to_be_attached()
    for field, last in (("c", "Enter"), ("e", "Escape")):
        assert typing(page, field, last) < 5 * alone + 2
    expect(page.locator(".card del", has_text="signs.")).to_have_count(8)


def typing(page: Page, field: str, last: str) -> float:
    """How many seconds forty letters take in a field that is opened by one key and left by another."""
    keys(page, field)
    begun = time.monotonic()
    page.keyboard.type(40 * "a" + " signs.")
    page.evaluate("0")
    took = time.monotonic() - begun
    print(f"forty letters: {took:.2f} s")
    keys(page, last)
    return took


SIDES = """
element => {
  const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
  const box = element.getBoundingClientRect();
  const side = at => {
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    const sign = range.getBoundingClientRect();
    return sign.left - box.left < box.right - sign.right ? "left" : "right";
  };
  return [side(0), side(text.data.indexOf("\\n") + 1)];
}
"""


def test_signs_that_turn_the_writing_are_seen_and_lines_have_their_own_direction(
    served: Served, open_page: Open
) -> None:
    served.ask("POST", "/projects", {"slug": "turned", "title": "Turned"})
    texts = ["left\n\u05e9\u05dc\u05d5\u05dd", "safe \u202eelif\u202c \u2066x\u2069", "plain"]
    served.add("turned", [{"prompt": "Which \u202eone?", "text": text} for text in texts])
    page = open_page("turned")
    expect(page.locator(".prompt .said")).to_have_text("Which U+202Eone?")
    turned = page.locator(".card .said", has_text="safe")
    expect(turned).to_have_text("safe U+202EelifU+202C U+2066xU+2069")
    assert page.locator(".card .said", has_text="left").evaluate(SIDES) == ["left", "right"]
    keys(page, "1 d")
    expect(page.locator("ins .sign, del .sign, .said > .sign")).not_to_have_count(0)
    assert "\u202e" not in str(page.locator("main").text_content())
