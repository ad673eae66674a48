"""`concord serve`: a policy from a run or a folder, perhaps with a reward model and a log, behind an endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from concord.errors import SettingsError, StoreError
from concord.models import Policy, choose
from concord.models.folder import template
from concord.records.files import read_json
from concord.records.manifest import outdated
from concord.roles import Scorer
from concord.runs import Run, load
from concord.runs.lock import lock
from concord.sampling.live import Live
from concord.sampling.slots import PLACES
from concord.serving.desk import Desk
from concord.serving.log import Log
from concord.serving.server import Front, Server
from concord.serving.service import Offer, Service
from concord.stages import opinion, scorers
from concord.stages.carry_out import answering, leave
from concord.stages.plan import bundled, content

LONGEST = 512
"""Most tokens of an answer if neither the client nor a recipe says."""
MICRO = 4096
"""Tokens that a reward model reads side by side."""


@dataclass(frozen=True)
class Wanted:
    """What is to be served, and how."""

    model: str
    """A run's folder, a model's, or `starter`."""
    reward: Path | None = None
    best_of: int = 1
    log: Path | None = None
    texts: bool = True
    places: int = PLACES
    queue: int = 64
    device: str = "auto"


def policy_of(wanted: str) -> tuple[Path, str, int, str | None]:
    """The folder of a policy, its name, most tokens of its answers, and what to know before it is served."""
    folder = bundled() if wanted == "starter" else Path(wanted)
    if not (folder / "run.json").is_file():
        return folder, "starter" if wanted == "starter" else folder.resolve().name, LONGEST, None
    run, loaded = Run(folder), load(folder / "resolved.yaml")
    made = run.finished("align")
    if made is None:
        raise StoreError(
            f"{folder} has no finished candidate to serve. Carry out `align` first, or name the folder of a model, "
            f"such as {folder / 'sft' / 'model'}."
        )
    gate, notice = run.finished("gate"), None
    if gate is None or outdated(gate, {"align": made["key"]}):
        notice = "No gate has decided about this policy yet."
    elif not read_json(run.path("gate") / "verdict.json").get("go"):
        notice = "The gate says no-go about this policy; it is served because you ask for it."
    return run.path("align") / "model", folder.resolve().name, loaded.recipe.evaluate.longest, notice


def scorer_of(folder: Path, device: str) -> tuple[Scorer, str]:
    """What scores answers: a reward stage of a run as it stands, or a reward model's folder; and its content's name."""
    compute = choose(device)
    if (folder / "run.json").is_file():
        folder = folder / "reward"
    if opinion.there(folder):
        return scorers.made(opinion.described(folder), folder, compute, MICRO), opinion.name_of(folder)
    return scorers.made({"kind": "learned", "folder": "."}, folder, compute, MICRO), content(folder)


@contextmanager
def served(wanted: Wanted, front: Front) -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server that is ready to run, and what it serves."""
    front.check()
    if wanted.best_of > 1 and wanted.reward is None:
        raise SettingsError("`--best-of` needs to know what is best. Name a reward model with --reward.")
    folder, name, longest, notice = policy_of(wanted.model)
    policy = Policy.load(folder, choose(wanted.device).speaking)  # texts are read as answers are made
    policy.network.requires_grad_(False)
    speaker = Live(policy, template(folder), name, wanted.places)
    scorer, scored_by = scorer_of(wanted.reward, wanted.device) if wanted.reward else (None, None)
    offer = Offer(longest, wanted.places + wanted.queue, wanted.best_of, content(folder), scored_by)
    with held(wanted.log):
        log = Log(wanted.log, wanted.texts) if wanted.log else None
        server = Server(Service(Desk(speaker, scorer), offer, log), front)
        try:
            yield (
                server,
                {
                    "url": server.url,
                    "model": name,
                    "folder": str(folder),
                    "content": offer.content,
                    "context": speaker.limit,
                    "longest": longest,
                    "best_of": wanted.best_of,
                    "log": str(wanted.log) if wanted.log else None,
                    "notice": notice,
                },
            )
        finally:
            server.socket.close()  # also where it never ran


def run(server: Server) -> None:
    """Serve until stopped; a signal to end lets what is at work end first."""
    with answering(leave, Signals.SIGTERM, Signals.SIGHUP):
        server.run()


def held(log: Path | None) -> Any:
    """One server at a time writes a log."""
    if log is None:
        return nullcontext()
    if log.exists() and not log.is_dir():
        raise StoreError(f"{log} is a file. Name a folder for the log.")
    log.mkdir(parents=True, exist_ok=True, mode=0o700)
    return lock(log / ".lock", of=log, instead="folder with --log")
