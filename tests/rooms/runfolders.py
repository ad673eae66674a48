"""Run folders as a run leaves them, made by hand: for whoever reads them without carrying one out."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HOSTILE = (
    '<img src=x onerror="window.__xss=1"><script>window.__xss=1</script>\u202e[x](javascript:window.__xss=1)'
)


def begun(folder: Path, **made: Any) -> Path:
    """A run of which nothing is made yet."""
    folder.mkdir(parents=True)
    write(
        folder / "run.json",
        {"concord": "0.1.0", "seed": 1, "recipe": "/somewhere/secret/recipe.yaml", **made},
    )
    return folder


def write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")


def add(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Lines at the end of a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def line(step: int, **more: Any) -> dict[str, Any]:
    return {"step": step, "loss": 1.0 / step, "score": 0.1 * step, "seconds": 2.0 * step, **more}


def making(run: Path, stage: str, steps: int, key: str = "k1") -> Path:
    """A stage that is being made, with so many steps behind it."""
    folder = run / f"{stage}.partial"
    folder.mkdir(parents=True)
    (folder / ".key").write_text(f"{key}\n", encoding="utf-8")
    add(folder / "metrics.jsonl", (line(step) for step in range(1, steps + 1)))
    return folder


def finish(run: Path, stage: str, seconds: float = 5.0, key: str = "k1", **facts: Any) -> Path:
    """Put a stage that was being made in its place."""
    told = {"seconds": seconds, "key": key, **facts}
    write(run / f"{stage}.partial" / "MANIFEST.json", {"files": {}, "facts": told})
    (run / f"{stage}.partial").rename(run / stage)
    return run / stage


def locked(run: Path, name: str = ".lock", pid: int | None = None, host: str | None = None) -> None:
    """Somebody is at work, or was until they were killed."""
    told = {"pid": os.getpid() if pid is None else pid, "host": host or platform.node()}
    write(run / name, {**told, "since": "2026-01-31T12:00:00+00:00"})


def completion(prompt: str, text: str, tokens: int = 3, finish: str = "stop") -> dict[str, Any]:
    asked = {"id": prompt, "messages": [{"role": "user", "content": prompt}]}
    return {"prompt": asked, "text": text, "finish": finish, "tokens": list(range(tokens))}


def watched(run: Path, hostile: str = "") -> Path:
    """A policy in the making, with alarms, looks and answers."""
    stage = making(run, "align", 40)
    samples = [
        {"prompt": {"messages": [{"role": "user", "content": f"why {hostile}"}]}, "text": f"so {hostile}"}
    ]
    add(
        stage / "alarms.jsonl",
        [
            {
                "step": 30,
                "rule": f"length {hostile}",
                "value": 9.5,
                "limit": 8.0,
                "action": f"warn {hostile}",
                "first_step": 28,
                "samples": [*samples, "a text alone", {"completion": "another"}, "one too many"],
            }
        ],
    )
    for step, root, gold in ((10, 1.0, 0.5), (20, 2.0, 0.8), (30, 3.0, 0.4)):
        told = {"value": gold, "low": gold - 0.1, "high": gold + 0.1, "n": 64}
        look = {
            "step": step,
            "kl": root**2,
            "sqrt_kl": root,
            "proxy": root,
            "gold": told,
            "past_peak": gold < 0.5,
        }
        add(stage / "watch.jsonl", [look])
    peak = {"step": 20, "round": 5, "sqrt_kl": 2.0}
    end = {"step": 30, "rule": f"gold {hostile}", "action": "roll-back"}
    write(stage / "watch.json", {"peak": peak, "past_peak": 0.93, "stopped": end, "rolled_back_to": 20})
    for turn, texts in enumerate((("early", "first"), ("late", "last"))):
        rows = [completion(f"question {n} {hostile}", f"{text} {hostile}") for n, text in enumerate(texts)]
        add(stage / "rollouts" / f"{turn:06}.jsonl", rows)
    return stage
