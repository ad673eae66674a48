"""Why a run went wrong, from what lies in its folder: causes with their evidence and the setting to change."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from concord.errors import SettingsError
from concord.monitoring.explain.evidence import Evidence, excerpt, open_run
from concord.monitoring.explain.finding import About, Change, Finding, Sign
from concord.monitoring.explain.table import CAUSES, findings

__all__ = ["CAUSES", "Change", "Evidence", "Explanation", "Finding", "Sign", "explain"]


@dataclass(frozen=True)
class Explanation:
    """What is wrong with a run, the plainest cause first; nothing if it is healthy."""

    run: str
    stage: str
    state: str
    rounds: int
    findings: Sequence[Finding]
    unseen: Sequence[str]
    """Causes that could not be looked for, because what they need is not there."""
    flaw: str = ""
    """Why settings are not known, if they are not."""
    alarms: Sequence[str] = ()
    """What guards warned of while it learned, if there were any."""

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def lines(self) -> list[str]:
        """The same for a person."""
        told = [f"{self.run}: {self.stage} is {self.state}, rounds of answers looked at: {self.rounds}"]
        if self.healthy:
            so_far = "" if self.state == "done" else " so far"
            told.append(f"healthy{so_far}: none of the causes that could be looked for was found")
        for rank, one in enumerate(self.findings, start=1):
            told.append(f"{rank}. {one.cause} ({one.score:.2f}): {one.because}")
            for sign in one.signs:
                where = sign.file if sign.step is None else f"{sign.file}, step {sign.step}"
                told.append(f"     {sign.what} [{where}]")
            told += [f"   {change.told()}" for change in one.changes]
        told += [f"a guard warned: {alarm}" for alarm in self.alarms]
        if self.flaw:
            told.append(self.flaw)
        if self.unseen:
            told.append("not to be seen from what lies there:")
            told += [f"   {name}: needs {CAUSES[name].needs}" for name in self.unseen]
        return told

    def value(self) -> dict[str, Any]:
        """The same for a machine."""
        return {
            "run": self.run,
            "stage": self.stage,
            "state": self.state,
            "healthy": self.healthy,
            "findings": [
                {
                    "cause": one.cause,
                    "score": round(one.score, 4),
                    "because": one.because,
                    "evidence": [asdict(sign) for sign in one.signs],
                    "changes": [
                        {"setting": change.setting, "from": bare(change.now), "to": bare(change.to)}
                        for change in one.changes
                    ],
                }
                for one in self.findings
            ],
            "unseen": {name: CAUSES[name].needs for name in self.unseen},
            "flaw": self.flaw or None,
            "alarms": list(self.alarms),
        }


def bare(value: object) -> object:
    """A change's number or words alone."""
    return value.about if isinstance(value, About) else value


def explain(run: Path, stage: str = "align") -> Explanation:
    """Look for every cause in a run folder."""
    seen = open_run(run, stage)
    _, _, rival = stage.partition("/")
    if rival and seen.recipe is not None and rival not in seen.recipe.rivals:
        known = ", ".join(seen.recipe.rivals) or "there are none"
        raise SettingsError(f"{run} has no rival `{rival}`. Its rivals: {known}.")
    found, unseen = findings(seen)
    alarms = [warning(row) for row in seen.alarms]
    return Explanation(str(run), stage, seen.state(stage), len(seen.rounds), found, unseen, seen.flaw, alarms)


def warning(row: Mapping[str, Any]) -> str:
    """An alarm in a line."""
    told = {name: row.get(name, "?") for name in ("rule", "value", "limit", "step", "action")}
    return excerpt("{rule} was {value}, limit {limit}, at step {step}: {action}".format(**told))
