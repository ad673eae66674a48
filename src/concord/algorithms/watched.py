"""Learning under watch: a feed that ends when a look or an alarm says so, and leaves the best weights behind."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concord.algorithms.looking import Onlooker
from concord.algorithms.stopping import Best
from concord.evaluation.watching import judged, told
from concord.records.files import write_json, write_rows
from concord.settings import Watch
from concord.training import Alarms, Feed, Notes

LOOKS, ALARMS, VERDICT = "watch.jsonl", "alarms.jsonl", "watch.json"
FINAL = ("stop", "roll-back")


@dataclass
class Watched:
    """A course's feed, its looks and its alarms; all that it knows goes into checkpoints."""

    feed: Feed[Any]
    asked: Watch
    alarms: Alarms
    folder: Path
    say: Callable[[str], None]
    rounds: int
    """Rounds in all; steps where the policy does not speak in rounds."""
    by_round: bool
    """Whether it does."""
    onlooker: Onlooker | None = None
    """Who looks; without one there are alarms alone."""
    done: int = field(default=0, init=False)
    """Rounds that are over."""
    looks: list[dict[str, Any]] = field(default_factory=list, init=False)
    lines: list[dict[str, Any]] = field(default_factory=list, init=False)
    """The looks as they stand in their file."""
    kept: int = field(default=0, init=False)
    """The look whose weights are remembered."""
    found: dict[str, Any] = field(default_factory=dict, init=False)
    """What the looks come to: the best of them, a fall since, the law that they follow."""

    def __post_init__(self) -> None:
        self.best = Best(self.onlooker.policy.network) if self.onlooker else None

    @property
    def settled(self) -> bool:
        """As the feed within."""
        return self.feed.settled

    @property
    def ending(self) -> dict[str, Any] | None:
        """The alarm that ended learning, if one did."""
        return next((alarm for alarm in self.alarms.raised if alarm["action"] in FINAL), None)

    def __iter__(self) -> Iterator[Sequence[Any]]:
        if self.onlooker and not self.looks:
            self.look(0)
        self.write()
        steps = iter(self.feed)
        while not self.ending and (step := next(steps, None)) is not None:
            yield step
        if self.rolled_back and self.best and self.onlooker:
            self.best.give(self.onlooker.policy.network)
        if self.ending:
            self.say(self.words())

    def __call__(self, number: int, notes: Notes) -> None:
        """After a step: hold the rules against it, and look if it is time."""
        before = len(self.alarms.raised)
        self.alarms(number, notes)
        if self.feed.settled or not self.by_round:
            self.done += 1
            due = self.done % max(1, self.asked.every) == 0 or self.done == self.rounds
            if self.onlooker and due and not self.ending:
                line = self.look(number)
                means = {
                    name: line[name]["value"] for name in ("gold", "proxy", "agreement", "kl") if name in line
                }
                notes |= {f"watch.{name}": value for name, value in means.items()}
        if len(self.alarms.raised) > before:
            for alarm in self.alarms.raised[before:]:
                self.say(f"step {number}: {alarm['says']} ({alarm['rule']}: {alarm['action']}).")
            self.write()

    def look(self, number: int) -> dict[str, Any]:
        """Look once; remember the weights if they are the best so far, and tell a clear fall."""
        assert self.onlooker, "whoever looks has eyes"
        now = {"step": number, "round": self.done, **self.onlooker.look()}
        self.looks.append(now)
        planned = -(-self.rounds // self.asked.every)
        measure = "gold" if "gold" in now else "agreement"
        if measure in now:
            self.found = judged(self.looks, planned, self.asked.past_peak, measure)
        # Without a judge there is no best: the last look before any alarm ends it is the last that was well.
        best = self.found["best"] if measure == "gold" else len(self.looks) - 1
        if best == len(self.looks) - 1 and self.best and not self.astray(now["kl"]):
            self.kept = best
            self.best.take(self.onlooker.policy.network)
        law = self.found.get("law")
        self.lines.append(told(now, law["past_peak"] if law else None))
        if self.found.get("fell") and self.asked.fall != "off":
            self.fell(number, measure)
        self.write()
        return self.lines[-1]

    def astray(self, kl: Sequence[float]) -> bool:
        """Whether a look is at weights that an alarm about drift would end: those are not worth going back to."""
        return self.alarms.action("drift") in FINAL and sum(kl) / len(kl) > self.alarms.limit("drift")

    def fell(self, number: int, measure: str) -> None:
        """Raise the alarm of a fall, once; without a judge it warns and no more."""
        if any(alarm["rule"] == measure for alarm in self.alarms.raised):
            return
        change, step = self.found["fall"], self.looks[self.found["best"]]["step"]
        reach = f"{change['value']:.3g} [{change['low']:.3g}, {change['high']:.3g}]"
        who = "the judge's score" if measure == "gold" else "agreement with people's rankings kept back"
        says = f"{who} has changed by {reach} since step {step}, its best, on the same prompts"
        if law := self.found.get("law"):
            says += f"; the chance that the peak of its law is behind is {law['past_peak']:.0%}"
        action = self.asked.fall if measure == "gold" else "warn"
        first = self.looks[self.found["best"] + 1]["step"]
        self.alarms.ring(measure, number, first, change["value"], 0.0, says, action)

    @property
    def rolled_back(self) -> bool:
        """Whether the weights of an earlier look are what is left."""
        return bool(self.ending and self.ending["action"] == "roll-back")

    def words(self) -> str:
        """How learning ended, for whoever watches."""
        assert self.ending, "it ended"
        end = f"stopped after step {self.ending['step']} because of `{self.ending['rule']}`"
        return (
            f"{end}; the weights are those of step {self.looks[self.kept]['step']}."
            if self.rolled_back
            else f"{end}."
        )

    def report(self) -> dict[str, Any]:
        """What came of the looks: the law, its peak, and where learning stopped and went back to."""
        best = self.found.get("best") if self.looks and "gold" in self.looks[-1] else None
        at = None if best is None else self.lines[best]
        law = self.found.get("law")
        return {
            "asked": self.asked.model_dump(mode="json"),
            "looks": len(self.looks),
            "fits": [law] if law else [],
            "peak": at and {name: at[name] for name in ("step", "round", "sqrt_kl", "gold")},
            "fall": self.found.get("fall"),
            "past_peak": law["past_peak"] if law else None,
            "stopped": self.ending and {name: self.ending[name] for name in ("step", "rule", "action")},
            "rolled_back_to": self.looks[self.kept]["step"] if self.rolled_back else None,
        }

    def write(self) -> None:
        """Put everything on record, each file whole."""
        write_rows(self.folder / ALARMS, self.alarms.raised)
        if self.onlooker:
            write_rows(self.folder / LOOKS, self.lines)
            write_json(self.folder / VERDICT, self.report())

    def state(self) -> dict[str, Any]:
        """Where the feed stands, and what was seen; the best weights lie beside the policy's."""
        own = {name: getattr(self, name) for name in ("done", "looks", "lines", "kept", "found")}
        return {"feed": self.feed.state(), "alarms": self.alarms.state(), **own}

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where `state` was taken."""
        self.feed.restore(state["feed"])
        self.alarms.restore(state["alarms"])
        for name in ("done", "looks", "lines", "kept", "found"):
            setattr(self, name, state[name])
