"""`concord drift`: a served model's log beside the evaluation of a run, or beside an earlier log; no torch here."""

from pathlib import Path
from typing import Any

from concord import formats
from concord.errors import RecordError, SettingsError, StoreError
from concord.monitoring.drift import FEWEST, Reference, measure, sight, told
from concord.monitoring.remedies import checklist
from concord.monitoring.seen import REQUESTS, Log, Manner, Seen, evaluated, read_log, usual_manner
from concord.monitoring.sending import to_rank
from concord.records.files import read_rows
from concord.records.manifest import outdated
from concord.runs import Run, load
from concord.stages import opinion
from concord.stages.contestants import best_of
from concord.stages.plan import content

EARLIER = "of an earlier stage"
"""What a model is called that has been made anew since it answered: no log knows one of that name."""
LIBRARIES = {"sklearn": "scikit-learn", "river": "river"}


def examine(
    log: Path, against: Path, policy: str | None, size: int, most: int, prompts: Path | None
) -> dict[str, Any]:
    """Everything that the log tells of drift; questions to rank are written to a file if one is named."""
    needed()
    if size < FEWEST:
        raise SettingsError(f"`--window` is {size}; {FEWEST} requests are the fewest that show anything.")
    served = read_log(log)
    if len(served.rows) < FEWEST:
        raise RecordError(
            f"{log} holds {len(served.rows)} answered dialogues; {FEWEST} are needed to see anything. Wait for more."
        )
    reference, name = reference_of(against, policy, served)
    drift = measure(served.rows, reference, size)
    found = told(drift, served.rows)
    wanted, why = to_rank(drift, served.rows, reference, most)
    if prompts is not None:
        formats.write_prompts(prompts, wanted)
    return {
        "log": str(log),
        "against": name,
        "requests": len(served.rows),
        "reference": len(reference.rows),
        "aside": dict(served.aside),
        "drift": bool(found["alarms"]),
        **found,
        "sight": sight(drift, served.rows, reference),
        "prompts": why,
        "prompts_file": str(prompts) if prompts is not None else None,
        "checklist": checklist(found["alarms"], served.rows, reference, len(wanted)),
    }


def needed() -> None:
    """The libraries of this errand are an extra."""
    import importlib.util

    lacking = [name for module, name in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if lacking:
        raise SettingsError(
            f"`concord drift` needs {' and '.join(lacking)}. Give `pip install 'concord-align[drift]'`."
        )


def reference_of(against: Path, policy: str | None, served: Log) -> tuple[Reference, str]:
    """What the log is compared with, and what to call it."""
    if (against / REQUESTS).is_file():
        if policy is not None:
            raise SettingsError(f"`--policy` names a policy of a run's evaluation, and {against} is a log.")
        rows = read_log(against).rows
        manner = usual_manner(rows)
        alike = [one for one in rows if one.manner == manner]
        scored = {one.scored_by for one in alike}
        last = alike[-1].content if alike else ""
        return Reference(
            alike, manner, last, scored.pop() if len(scored) == 1 else None
        ), f"the log {against}"
    if not (against / "run.json").is_file():
        raise StoreError(
            f"{against} is neither a run nor a log. Name the run of which a policy is served, or an earlier log."
        )
    return evaluation(Run(against), policy, usual_manner(served.rows))


def evaluation(run: Run, policy: str | None, usual: Manner | None) -> tuple[Reference, str]:
    """A policy's answers in a run's evaluation: at the temperature at which most answers of the log were drawn."""
    judged = run.finished("evaluate")
    if judged is None:
        raise StoreError(
            f"{run.folder} has no finished evaluation to compare with. Carry out `evaluate` first."
        )
    recipe = load(run.folder / "resolved.yaml").recipe
    named = policy or recipe.align.method
    every = list(read_rows(run.path("evaluate") / "answers.jsonl"))
    rows = [row for row in every if row["policy"] == named]
    if not rows:
        there = ", ".join(dict.fromkeys(row["policy"] for row in every)) or "none, for it has no answers"
        raise SettingsError(f"{run.folder} has evaluated no policy {named!r}. Those that it has: {there}.")
    known = list(dict.fromkeys(row["temperature"] for row in rows))
    temperature = usual[0] if usual and usual[0] in known else known[0]
    model, reward = run.path("align") / "model", run.path("reward")
    scored_by = opinion.name_of(reward) if opinion.there(reward) else None
    if scored_by and remade(run, "reward", judged):
        scored_by = EARLIER
    limit = recipe.evaluate.longest
    alike, n = [row for row in rows if row["temperature"] == temperature], best_of(named)
    seen: list[Seen] = [evaluated(row, limit, scored_by, n) for row in alike]
    mine = content(model) if named == recipe.align.method and model.is_dir() else ""
    if mine and remade(run, "align", judged):
        mine = EARLIER
    return Reference(seen, seen[0].manner, mine, scored_by), f"{named} of {run.folder} at {temperature:g}"


def remade(run: Run, name: str, judged: dict[str, Any]) -> bool:
    """Whether a stage is not the one any more on which an evaluation stands."""
    made = run.finished(name)
    return outdated(judged, {name: made["key"] if made else None})
