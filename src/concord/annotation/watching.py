"""The runs of a folder for whoever may watch: what routes tell of them, and what has come since."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from fastapi.sse import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from concord.annotation import told
from concord.annotation.faults import Refusal
from concord.monitoring import signs
from concord.monitoring.curves import Curves, Point, Thinned
from concord.monitoring.panels import Series, panels
from concord.monitoring.samples import Said, gallery
from concord.monitoring.shelf import RUN, Shelf, runs
from concord.monitoring.standing import METRICS, Standing, place, standing
from concord.monitoring.tail import Place, follow, look

KEPT = 8
"""Stages whose numbers stay in memory; others are read anew when somebody looks."""
MOST_POINTS = 500
"""More that has come at once is told by asking for the curves anew."""
PAUSE, LONGEST, PATIENCE = 1.0, 60.0, 1000
"""Seconds between looks; after which a stream ends, so that whoever may no longer look is found out when the
browser asks again; and milliseconds after which it asks."""
NOTHING = told.Curves(
    stage=None,
    steps=[],
    exact=True,
    charts=[],
    looks=[],
    peak=None,
    outcome=[],
    alarms=[],
    latest={},
    notes=[],
    mark="",
)
REPORT = "report.html"
MOST_OF_REPORT = 64 * 2**20


class Watched:
    """The folder that a server shows runs of, and what was read of it lately."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.kept: OrderedDict[tuple[str, str], tuple[Lock, Curves]] = OrderedDict()
        self.lock = Lock()

    def list(self) -> told.Runs:
        """Every run, in short."""
        if self.folder is None:
            return told.Runs(folder=None, runs=[])
        shelf = Shelf(self.folder)
        return told.Runs(
            folder=self.folder.absolute().name, runs=[line(shelf / name) for name in runs(shelf)]
        )

    def find(self, name: str) -> "One":
        """A run by its name."""
        if self.folder is not None:
            shelf = Shelf(self.folder)
            if name in shelf.entries() and (shelf / name).holds(RUN):
                return One(self, shelf / name)
        raise Refusal(404, "not_found", "There is no such run here. It may have been moved or deleted.")

    def curves(self, run: str, stage: str) -> tuple[Lock, Curves]:
        """What was read of a stage's numbers so far."""
        with self.lock:
            found = self.kept.pop((run, stage), None) or (Lock(), Curves())
            self.kept[(run, stage)] = found
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
            return found


class One:
    """One run, for one request."""

    def __init__(self, watched: Watched, shelf: Shelf) -> None:
        self.watched, self.shelf = watched, shelf

    def standing(self) -> Standing:
        """Where it stands now."""
        return standing(self.shelf, time.time())

    def view(self) -> told.RunView:
        """The same for a reply."""
        return view(self.standing())

    def stage(self, wish: str | None) -> str | None:
        """The stage that is asked for, or the one worth watching; a name that is no stage's is refused."""
        now = self.standing()
        if wish is None:
            return now.following
        if wish not in now.learning:
            raise Refusal(404, "not_found", "This run has no such stage, or it has written down no numbers.")
        return wish

    def report(self) -> bytes:
        """The report, as it lies in the folder."""
        found = self.shelf.read(REPORT, MOST_OF_REPORT)
        if found is None:
            raise Refusal(404, "not_found", "This run has no report yet. `concord gate` writes it.")
        return found

    def curves(self, wish: str | None, width: int) -> told.Curves:
        """A stage's numbers, alarms and looks."""
        name = self.stage(wish)
        where = None if name is None else place(self.shelf, name)
        if name is None or where is None:
            return NOTHING.model_copy(update={"notes": self.silent()})
        lock, curves = self.watched.curves(self.shelf.name, name)
        with lock:
            read_on(where, curves)
            steps, thinned = curves.thinned(width)
            latest, exact = curves.latest(), len(curves.steps) <= width
            notes, at = curves.remarks(), curves.place
        found = signs.outcome(where)
        return told.Curves(
            stage=name,
            steps=steps,
            exact=exact,
            charts=charts(thinned, latest, exact),
            looks=[told.WatchLook.model_validate(asdict(one)) for one in signs.looks(where)],
            peak=found.peak,
            outcome=list(found.words),
            alarms=[alarm(one) for one in signs.alarms(where)],
            latest=latest,
            notes=notes,
            mark=mark(name, at, where),
        )

    def silent(self) -> list[str]:
        """Why no stage has numbers to show, if it is not that none has written any."""
        found = []
        for one in self.standing().stages:
            where, curves = place(self.shelf, one.name), Curves()
            if where is not None:
                read_on(where, curves)
                found += [f"{one.name}: {note}" for note in curves.remarks()]
        return found

    def samples(self, wish: str | None) -> told.Samples:
        """What the policy said at the beginning of a stage, and what it says now."""
        name = self.stage(wish)
        where = None if name is None else place(self.shelf, name)
        if where is None:
            return told.Samples(stage=name, round=None, pairs=[])
        found = gallery(where)
        pairs = [
            told.Paired(
                now=sampled(one.now),
                before=None if one.before is None else sampled(one.before),
                round=one.round,
                same=one.same,
            )
            for one in found.pairs
        ]
        return told.Samples(stage=name, round=found.round, pairs=pairs)

    def news(self, wish: str | None, since: str) -> told.RunNews:
        """What has come since a mark."""
        now = self.standing()
        name = wish if wish in now.learning else now.following
        where = None if name is None else place(self.shelf, name)
        if name is None or where is None:
            return told.RunNews(mark="", afresh=since != "", points=[], run=view(now))
        stage, at, signs_then = unmarked(since)
        points, there, other = read_since(where, at)
        fresh = mark(name, there, where)
        afresh = other or stage != name or signs_then != unmarked(fresh)[2] or len(points) > MOST_POINTS
        new = [] if afresh else [told.NewPoint(step=one.step, numbers=dict(one.numbers)) for one in points]
        return told.RunNews(mark=fresh, afresh=afresh, points=new, run=view(now))

    async def live(
        self, wish: str | None, since: str, ending: Callable[[], bool]
    ) -> AsyncIterator[ServerSentEvent]:
        """News as they come: told at once, and then whenever something has changed."""
        before = None
        until = time.monotonic() + LONGEST
        while not ending() and self.shelf.holds(RUN):
            news = await run_in_threadpool(self.news, wish, since)
            if before is None or news.mark != since or news.run != before.run:
                yield ServerSentEvent(data=news, id=news.mark or "none", retry=PATIENCE)
            before, since = news, news.mark
            if time.monotonic() >= until:
                return
            await asyncio.sleep(PAUSE)


def read_on(where: Shelf, curves: Curves) -> None:
    """Read all that has been written since."""
    file = where.open(METRICS)
    if file is None:
        return
    with file:
        for news in follow(file, curves.place):
            curves.take(news)


def read_since(where: Shelf, at: Place) -> tuple[list[Point], Place, bool]:
    """The steps since a place in the file; the place now; and whether it is another file."""
    file = where.open(METRICS)
    if file is None:
        return [], at, at != Place()
    with file:
        found = look(file, at)
    return Curves().take(found), found.place, found.afresh


def mark(stage: str, at: Place, where: Shelf) -> str:
    """How far a stage was read: its numbers by their place, its signs by when they were written."""
    seen = [where.changed(name) for name in (signs.ALARMS, signs.LOOKS)]
    return f"{at}-{'-'.join('' if one is None else f'{one:.6f}' for one in seen)}-{stage}"


def unmarked(text: str) -> tuple[str, Place, str]:
    """The parts of a mark: the stage, how far its numbers were read, when its signs were written."""
    at, _, rest = text.partition("-")
    alarms, _, rest = rest.partition("-")
    looks, _, stage = rest.partition("-")
    return stage, Place.read(at), f"{alarms}-{looks}"


def view(one: Standing) -> told.RunView:
    """A run for a reply."""
    found = {**asdict(one), "following": one.following, "learning": one.learning}
    return told.RunView.model_validate(found)


def line(run: Shelf) -> told.RunLine:
    """A run for a list."""
    now = standing(run, time.time())
    steps = {one.name: one.step for one in now.stages}
    places = [place(run, one.name) for one in now.stages if one.state != "waiting"]
    return told.RunLine(
        name=now.name,
        state=now.state,
        stage=now.following,
        step=steps.get(now.following or ""),
        seconds=sum(one.seconds or 0.0 for one in now.stages),
        alarms=sum(len(signs.lines(one, signs.ALARMS)) for one in places if one is not None),
        go=now.go,
        changed=now.changed,
    )


def charts(thinned: dict[str, Thinned], latest: dict[str, float], exact: bool) -> list[told.Chart]:
    """The numbers as charts."""

    def drawn(one: Series) -> told.Line:
        """One line; where every stretch is one step, least and most say nothing more."""
        curve = thinned[one.name]
        return told.Line(
            name=one.name,
            label=one.label,
            middle=list(curve.middle),
            low=None if exact else list(curve.low),
            high=None if exact else list(curve.high),
            error=list(thinned[one.error].middle) if one.error else None,
            latest=latest.get(one.name),
        )

    return [
        told.Chart(
            title=one.title, unit=one.unit, about=one.about, lines=[drawn(each) for each in one.series]
        )
        for one in panels(thinned)
    ]


def sampled(one: Said) -> told.Sampled:
    """An answer for a reply."""
    turns = [told.WatchTurn(role=role, content=content) for role, content in one.prompt]
    return told.Sampled(prompt=turns, text=one.text, length=one.length, score=one.score, cut=one.cut)


def alarm(one: signs.Alarm) -> told.RunAlarm:
    """An alarm for a reply."""
    return told.RunAlarm(
        step=one.step,
        rule=one.rule,
        value=one.value,
        limit=one.limit,
        action=one.action,
        first=one.first,
        note=one.note,
        samples=[sampled(each) for each in one.samples],
    )
