"""`concord evaluate answers`: models compared from files of judged answers, without a run."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import SettingsError, StoreError

SHOWN = 8
"""Tests that a terminal is shown; all of them stand in --json."""
WIDEST = 36


def answers(args: argparse.Namespace, voice: Voice) -> int:
    """Compare the models whose answers stand in some files."""
    from concord.evaluation.answered import answered
    from concord.evaluation.assessed import assessed
    from concord.evaluation.report import finite
    from concord.formats.fields import visible

    if not 0 < args.half < 50:
        raise SettingsError(f"`--half` is {args.half:g}; it is a number of points above 0 and below 50.")
    out = Path(args.out) if args.out else None
    if out and out.exists() and not args.again:
        raise StoreError(
            f"{out} exists already. Name another file with --out, or write it anew with --again."
        )
    found = finite(
        assessed(answered([Path(one) for one in args.files], args.temperature), args.against, args.half / 100)
    )
    if out:
        from concord.evaluation.page import comparison
        from concord.records.files import write_text

        write_text(out, comparison(found))
        found["page"] = str(out)
    voice.tell(map(visible, lines(found)), found)
    return 0


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person."""
    yield f"{found['files']}: {len(found['models'])} models on {found['prompts']:,} prompts."
    yield from found["told"]
    yield from table(found)
    yield from found["controlled"][0]["words"]
    yield from orders(found["orders"])
    yield from left_out(found["league"])
    yield from differences(found["tests"])
    for one in found["gaming"]:
        if one["gaming"]:
            yield (
                f"GAMING: {one['name']} says one text in {one['of_one']:.0%} of {one['n']:,} answers, and one of five "
                f"in {one['of_few']:.0%}: made for the judge, not for who asks. Do not believe its win rate."
            )
    if found.get("page"):
        yield f"Everything on one page: {found['page']}"


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """A line a model, by its raw win rate."""
    held = {one["name"]: one for one in found["controlled"][0]["models"]}
    league = found["league"] or {"standings": []}
    elo = {one["name"]: one["elo"] for one in league["standings"]}
    names = sorted(found["win_rates"], key=lambda one: -one["rate"]["value"])
    width = min(WIDEST, max(len(one["a"]) for one in names))
    heads = ("length equal", "style equal", "Elo", f"more for ±{100 * found['half']:g}")
    held_equal = " ".join(f"{head:>22}" for head in heads[:2])
    yield f"  {'':{width}}  {'wins':>6} {'error':>6} {'95 %':>14} {held_equal} {heads[2]:>18} {heads[3]:>12}"
    for one in names:
        name, rate = one["a"], one["rate"]
        more = "?" if one["more_to_narrow"] is None else f"{one['more_to_narrow']:,}"
        yield (
            f"  {name[:width]:{width}}  {100 * rate['value']:>6.2f} {100 * one['error']:>6.2f} {ends(rate):>14} "
            f"{whole(held[name]['length']):>22} {whole(held[name]['style']):>22} "
            f"{whole(elo.get(name), 1, 0):>18} {more:>12}"
        )
    for one in names:
        if one["more_to_lead"]:
            yield f"  About {one['more_to_lead']:,} more prompts would tell whether {one['a']} beats {one['b']}."


def ends(estimate: Mapping[str, Any], scale: float = 100, digits: int = 1) -> str:
    """An interval."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"[{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


def whole(estimate: Mapping[str, Any] | None, scale: float = 100, digits: int = 1) -> str:
    """A value with its interval; a dash where there is none."""
    if estimate is None or estimate["value"] is None:
        return "-"
    return f"{scale * estimate['value']:.{digits}f} {ends(estimate, scale, digits)}"


def orders(card: Mapping[str, Any] | None) -> Iterator[str]:
    """How much the order of two answers mattered."""
    if card is None:
        return
    yield f"{card['both']:,} of {card['pairs']:,} pairs were read in both orders, and count as the mean of both."
    for name, words in (("consistent", "Both orders agree in"), ("first", "What stood first won")):
        if card[name]["value"] is not None:
            yield f"{words} {card[name]['value']:.1%} {ends(card[name])} of {card[name]['n']:,}."


def left_out(league: Mapping[str, Any] | None) -> Iterator[str]:
    """Whom the league does not rate, and why."""
    if league is None:
        return
    if league["refused"]:
        yield f"No league: {league['refused']}"
        return
    yield from (f"{name} has no Elo: it {why}." for name, why in league["unrated"].items())


def differences(tests: list[dict[str, Any]]) -> Iterator[str]:
    """Paired tests whose difference is beyond chance, the surest first, and whom they do not tell apart."""
    clear = sorted(
        (one for one in tests if one["says"] != "no clear difference"), key=lambda one: one["adjusted"]
    )
    if tests:
        yield f"Of {len(tests):,} paired tests, {len(clear):,} differences are beyond chance (Holm, 0.05):"
    for one in clear[:SHOWN]:
        up, gap = one["says"] == "higher", one["difference"]
        more, less = (one["a"], one["b"]) if up else (one["b"], one["a"])
        low, high = (gap["low"], gap["high"]) if up else (-gap["high"], -gap["low"])
        span = f"{abs(gap['value']):.3f} [{low:.3f}, {high:.3f}]"
        yield f"  {one['criterion']}: {more} above {less} by {span}, p {one['adjusted']:.2g}"
    if len(clear) > SHOWN:
        yield f"  and {len(clear) - SHOWN:,} more; --json has all of them."
    alike = [f"{one['a']} and {one['b']} ({one['criterion']})" for one in tests if one not in clear]
    if alike:
        rest = f", and {len(alike) - SHOWN:,} pairs more" if len(alike) > SHOWN else ""
        yield f"Not told apart: {'; '.join(alike[:SHOWN])}{rest}."


def asks(parser: Parser) -> None:
    """What `evaluate answers` is told."""
    add = parser.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="+",
        help="answers with scores, rankings or verdicts, in any known format",
    )
    add("--against", metavar="MODEL", help="the model that all win rates are over")
    add("--temperature", metavar="T", type=float, help="of a run's answers; the first of the file by default")
    add(
        "--half",
        metavar="POINTS",
        type=float,
        default=3.0,
        help="half of an interval narrow enough for you; 3",
    )
    add("--out", metavar="PAGE", help="also write everything on one HTML page")
    add("--again", action="store_true", help="write the page anew if it is there already")


ANSWERS = Verb(
    "evaluate answers", "Compare models from files of judged answers, without a run.", asks, answers
)
