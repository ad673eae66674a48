"""People rank what was sampled: a queue is filled, served if nobody else does, and read when it is done."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from concord.annotation.address import place_of
from concord.annotation.asked import NewProject
from concord.annotation.filling import Queue, fill
from concord.annotation.server import Front, Server
from concord.annotation.store import Store
from concord.errors import JudgeError
from concord.records import Ranking
from concord.stages.bench import Bench

FOLDER = "people"
"""Where the store of a run lies in its folder, if the recipe names no other."""
PAUSE = 5.0
SHOWN = 3


def ask(bench: Bench) -> list[Ranking]:
    """Everybody's rankings, once every list has as many as the recipe asks for."""
    place = where(bench)
    own = place == str(bench.run.folder / FOLDER)
    with closing(Store.open(place)) as store:
        queue, left_out = fill(store, wanted(bench), str(bench.run.folder.absolute()), bench.completions)
        for line in left_out[:SHOWN]:
            bench.say(f"{line}.")
        if len(left_out) > SHOWN:
            bench.say(f"{len(left_out)} of the lists of answers are not ranked, for such reasons.")
        if queue.waiting():
            with telling(bench, queue):
                (serve if own else wait)(bench, queue)
        if missing := queue.left():
            bench.say(
                f"{missing} judgements are missing: everybody who takes part has met those lists, and somebody "
                "skipped them. What was ranked counts."
            )
        found = queue.rankings(str(bench.run.folder.absolute()))
        bench.facts["guidelines"] = under(queue.guidelines())
    if not found:
        raise JudgeError(
            f"Nobody has ranked anything in {store.name}: every list was skipped or left out. "
            "Sample answers that differ, or ask other people."
        )
    return found


def under(versions: Mapping[int, int]) -> str:
    """Under which versions of the guideline people ranked, and how often each, for the stage's facts."""
    told = {version: f"version {version}" if version else "no guideline" for version in versions}
    return ", ".join(f"{told[version]} for {versions[version]:,}" for version in sorted(versions))


def where(bench: Bench) -> str:
    """The store: a URL, a folder relative to the recipe, or one of the run itself."""
    given = bench.recipe.rank.people.store
    if given and "://" not in given:
        given = str(bench.loaded.folder / given)
    return place_of(given, bench.run.folder / FOLDER)


def wanted(bench: Bench) -> NewProject:
    """The queue as the recipe asks for it."""
    asked = bench.recipe.rank.people
    return NewProject(
        slug=asked.project,
        title=Path(bench.run.folder).absolute().name[:80],
        overlap=asked.overlap,
        mode=asked.mode,
        partial_allowed=asked.partial,
        gold_share=asked.gold,
        repeat_share=asked.repeats,
        attention_share=asked.attention,
        lease_minutes=min(asked.lease_minutes, 1440),
    )


def serve(bench: Bench, queue: Queue) -> None:
    """Serve the pages on this machine until the queue is done."""
    server = Server(queue.store, Front())
    bench.say(f"{queue.left()} judgements to give. Come in once by {server.way_in(always=True)}")
    server.run(done=lambda: queue.waiting() == 0)


def wait(bench: Bench, queue: Queue) -> None:
    """Wait until people have done the queue on the server that serves the store."""
    bench.say(
        f"{queue.left()} judgements to give in {queue.store.name}, project {bench.recipe.rank.people.project}."
    )
    while queue.waiting():
        time.sleep(PAUSE)


@contextmanager
def telling(bench: Bench, queue: Queue) -> Iterator[None]:
    """If it is stopped before the end, say what is left and how to come back."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        done, total = queue.count()
        bench.say(
            f"{done} of {total} judgements are stored, {total - done} are left. "
            f"`concord rank {bench.loaded.source}` goes on there."
        )
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
