"""Run folders made by hand, a few small files each: a healthy one, and what makes it sick."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from concord.settings import Recipe

PROMPTS = [f"Where is shop number {number} of the town?" for number in range(8)]
LONGEST = "It is on the long road near the old mill by"
ANSWERS = [f"{LONGEST.rsplit(maxsplit=cut)[0]}." for cut in range(5, 0, -1)]
ANSWERS += [f"{LONGEST} {more}." for more in ("it", "a gate", "a green gate")]
"""Eight answers, from 6 words to 14."""


def lines(file: Path, rows: Sequence[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def note(number: int, rounds: int) -> dict[str, Any]:
    """What a healthy step of one round says: the score rises, drift begins at 0, the critic learns."""
    way = number / max(1, rounds - 1)
    return {
        "score": 0.2 + way, "score_spread": 1.2, "kl": 1.5 * way, "length": 10.0, "price": 0.05, "clipped": 0.02,
        "moved": 0.001, "explained": 0.6 * way, "value_loss": 0.6 - 0.4 * way, "tied": 0.1,
        "lean.length": 0.1, "lean.format": 0.05, "lean.repetition": 0.0, "grad_norm.policy": 0.4, "skipped": 0.0,
    }  # fmt: skip


def made(
    folder: Path,
    recipe: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
    answers: Sequence[Sequence[str]] | None = None,
    rounds: int = 9,
    finish: str = "stop",
    done: bool = True,
) -> Path:
    """A run folder. A note may be a number, a list of one a round, or None to leave it out."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = Recipe.model_validate(recipe or {})
    (folder / "resolved.yaml").write_text(yaml.safe_dump(asked.model_dump(mode="json")), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"recipe": str(folder / "recipe.yaml")}), encoding="utf-8")
    align = folder / ("align" if done else "align.partial")
    steps = []
    for number in range(rounds):
        row = {"step": number + 1, "round": float(number), **note(number, rounds)}
        for name, value in (notes or {}).items():
            row[name] = value[number] if isinstance(value, list) else value
        steps.append({name: value for name, value in row.items() if value is not None})
        said = answers[number] if answers else ANSWERS
        rows = [
            {"prompt": {"messages": [{"role": "user", "content": prompt}]}, "text": text, "finish": finish}
            for prompt, text in zip(PROMPTS, said, strict=True)
        ]
        lines(align / "rollouts" / f"{number:06}.jsonl", rows)
    lines(align / "metrics.jsonl", steps)
    if done:
        (align / "MANIFEST.json").write_text("{}", encoding="utf-8")
    ranked(folder, [ranking(place) for place in range(8)])
    held = [
        {"texts": ANSWERS[:2], "tiers": [[0], [1]], "scores": [score, score - 1.6]} for score in (1.0, 0.6)
    ]
    lines(folder / "reward" / "held_out.jsonl", held)
    lines(
        folder / "data" / "held_out.jsonl", [{"messages": [{"role": "user", "content": "Who bakes here?"}]}]
    )
    return folder


def ranking(place: int, turned: bool = False, by: str = "ann") -> dict[str, Any]:
    """Two answers to a prompt; longer ones are preferred as often as shorter ones."""
    tiers = [[place % 2], [1 - place % 2]]
    return {
        "prompt": {"messages": [{"role": "user", "content": PROMPTS[place]}]},
        "completions": [{"text": ANSWERS[place]}, {"text": ANSWERS[(place + 3) % 8]}],
        "tiers": tiers[::-1] if turned else tiers,
        "by": by,
    }


def ranked(folder: Path, rows: Sequence[Any]) -> None:
    lines(folder / "rank" / "rankings.jsonl", rows)
