"""Stage gate: go or no-go, with reasons, and the page that shows them."""

from pathlib import Path

from concord.evaluation.gate import decide
from concord.evaluation.page import page
from concord.evaluation.report import report
from concord.evaluation.summary import summarise
from concord.evaluation.win_rate import compare
from concord.records.files import read_json, read_rows, write_json, write_text
from concord.stages.bench import Bench


def work(bench: Bench, folder: Path, key: str) -> None:
    """Hold the candidate against what the recipe asks of it; a no-go is a finding, not a failure."""
    judged = bench.run.path("evaluate")
    data = {**read_json(judged / "findings.json"), "rows": list(read_rows(judged / "answers.jsonl"))}
    candidate, temperature = data["candidate"], data["temperature"]
    compared = compare(data["rows"], [(candidate, "sft")])
    verdict = decide(bench.recipe.gate, compared, summarise(data["rows"]), candidate, "sft", temperature)
    write_json(folder / "verdict.json", verdict)
    content = report({**data, "verdict": verdict})
    shown = page(content)
    for place in (folder, bench.run.folder):
        write_json(place / "report.json", content)
        write_text(place / "report.html", shown)
