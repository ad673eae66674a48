"""Where a run's numbers are shown by other tools: one small interface, and one class for each tool."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from concord.errors import SettingsError, StoreError
from concord.records import digest
from concord.records.files import read_json, storing, write_json

NOTHING = -1.0
"""The last step of a place that holds none."""
CLOCK = "seconds"
"""A number that every line of metrics has: when the step was done, counted from the stage's beginning."""
EXPERIMENT = "concord"
MOST_AT_ONCE = 1000
"""Metrics that MLflow takes in one request."""


@dataclass(frozen=True)
class Series:
    """One stage of one run, made from one set of settings: what is made again has another key."""

    run: str
    stage: str
    key: str
    began: float
    """When its first step was begun, in seconds since 1970."""

    @property
    def title(self) -> str:
        """What people are shown."""
        return f"{self.run}/{self.stage}"

    @property
    def name(self) -> str:
        """What no other series is called."""
        return f"{self.title} {self.key[:8]}"

    @property
    def id(self) -> str:
        """The same in letters that any tool takes."""
        return digest(self.run, self.stage, self.key)


class Sink(Protocol):
    """Where the numbers of one series are written to."""

    last: float
    """The last step that is there already, `NOTHING` if there is none: what comes before is not written again."""

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        """Add one step's numbers; steps rise."""

    def flush(self) -> None:
        """Return when what was written is there to be seen."""

    def close(self) -> None:
        """Write the rest and let go."""


class TensorBoard:
    """A folder of event files, one subfolder a series."""

    def __init__(self, folder: str, series: Series) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        place = Path(folder) / series.run / series.stage / series.key[:8]
        with storing(place):
            place.mkdir(parents=True, exist_ok=True)
        self.began, self.last = series.began, self.found(place)
        self.writer = EventFileWriter(str(place))

    @staticmethod
    def found(place: Path) -> float:
        """The last step that earlier event files hold; a record that was cut off counts as not there."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(place), size_guidance={"scalars": 1})
        events.Reload()
        return (
            max((event.step for event in events.Scalars(CLOCK)), default=NOTHING)
            if tagged(events)
            else NOTHING
        )

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
        moment = self.began + numbers.get(CLOCK, 0.0)
        self.writer.add_event(Event(step=int(step), wall_time=moment, summary=Summary(value=values)))

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def tagged(events: Any) -> bool:
    """Whether event files hold the number that every step has."""
    return CLOCK in events.Tags()["scalars"]


class WandB:
    """A project of Weights & Biases, one run a series; offline with WANDB_MODE=offline."""

    def __init__(self, project: str, series: Series) -> None:
        import wandb  # noqa: F401  # it is begun only when there is something to write; whether it is here is told now

        folder = Path(os.environ.get("WANDB_DIR", ".")) / "wandb"
        self.file = folder / f"concord-{digest(project, series.id)}.json"
        # A run that is written offline cannot be asked how far it is.
        self.last = self.now = float(read_json(self.file)["last"]) if self.file.exists() else NOTHING
        self.project, self.series = project, series
        self.run: Any = None

    def begin(self) -> Any:
        """The run, taken up where it was left."""
        import wandb

        series = self.series
        return wandb.init(
            project=self.project,
            id=series.id,
            name=series.title,
            group=series.run,
            config={"run": series.run, "stage": series.stage, "key": series.key},
            resume="allow",
            reinit="create_new",
        )

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        self.run = self.run or self.begin()
        self.run.log(dict(numbers), step=int(step))
        self.now = step

    def flush(self) -> None:
        if self.now != self.last:
            self.last = self.now
            write_json(self.file, {"last": self.last})

    def close(self) -> None:
        if self.run is not None:
            self.run.finish()
        self.flush()


class MLflow:
    """An MLflow store, one run a series in the experiment `concord`."""

    def __init__(self, uri: str, series: Series) -> None:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            self.client = MlflowClient(uri)
            known = self.client.get_experiment_by_name(EXPERIMENT)
            place = known.experiment_id if known else self.client.create_experiment(EXPERIMENT)
            tags = {"concord.series": series.id, "concord.run": series.run, "concord.stage": series.stage}
            found = self.client.search_runs([place], f"tags.`concord.series` = '{series.id}'", max_results=1)
            run = found[0] if found else self.client.create_run(place, tags=tags, run_name=series.title)
            self.id, self.began = run.info.run_id, series.began
            self.client.update_run(self.id, status="RUNNING")
            steps = [metric.step for metric in self.client.get_metric_history(self.id, CLOCK)]
        except MlflowException as error:
            raise StoreError(f"{uri}: MLflow says: {error}. Name another place with --to.") from error
        self.last = max(steps, default=NOTHING)
        self.waiting: list[Any] = []

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        moment = int(1000 * (self.began + numbers.get(CLOCK, 0.0)))
        fresh = [
            Metric(name, value, moment, int(step)) for name, value in sorted(numbers.items()) if name != CLOCK
        ]
        if CLOCK in numbers:  # last of its step: a step that has it is there whole
            fresh.append(Metric(CLOCK, numbers[CLOCK], moment, int(step)))
        if len(self.waiting) + len(fresh) > MOST_AT_ONCE:
            self.flush()
        self.waiting += fresh

    def flush(self) -> None:
        while self.waiting:
            self.client.log_batch(self.id, self.waiting[:MOST_AT_ONCE])
            del self.waiting[:MOST_AT_ONCE]

    def close(self) -> None:
        self.flush()
        self.client.set_terminated(self.id)


class Trackio:
    """A project of trackio on this machine, one run a series."""

    def __init__(self, project: str, series: Series) -> None:
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        found = SQLiteStorage.get_last_step(project, series.name)
        self.last = NOTHING if found is None else float(found)
        self.run = trackio.init(
            project=project,
            name=series.name,
            group=series.run,
            config={"run": series.run, "stage": series.stage, "key": series.key},
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=int(step))

    def flush(self) -> None:
        """It writes by itself, twice a second."""

    def close(self) -> None:
        import trackio

        # It ends its current run again when Python ends, and says so where results stand.
        (trackio if trackio.context_vars.current_run.get() is self.run else self.run).finish()


KINDS: dict[str, Callable[[str, Series], Sink]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "mlflow": MLflow,
    "trackio": Trackio,
}
"""The tools by the names of their extras."""


@dataclass(frozen=True)
class Target:
    """Which tool, and where in it: `tensorboard:DIR`, `wandb:PROJECT`, `mlflow:URI`, `trackio:PROJECT`."""

    kind: str
    place: str

    @classmethod
    def read(cls, text: str) -> "Target":
        """A target as it is written on a command line."""
        kind, _, place = text.partition(":")
        if kind not in KINDS or not place:
            known = "tensorboard:DIR, wandb:PROJECT, mlflow:URI or trackio:PROJECT"
            raise SettingsError(f"`--to {text}` names no place to mirror to. Give {known}.")
        return cls(kind, place)

    def open(self, series: Series) -> Sink:
        """The place of one series, however much of it is there already."""
        try:
            with quietly():
                return KINDS[self.kind](self.place, series)
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"{self.kind} is not installed ({error.name} is missing). "
                f"Give pip install 'concord-align[{self.kind}]'."
            ) from None


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What a tool prints is no result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
