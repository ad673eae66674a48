"""What a recipe names, read for its doctor: every record once, and no weight of any model."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from concord import formats
from concord.batches import Rendered, Template
from concord.errors import ConcordError, ModelError
from concord.formats.shape import Kind
from concord.models.folder import template
from concord.monitoring.remark import Remark
from concord.records import Demonstration, Prompt, Ranking
from concord.runs import Loaded, Run
from concord.stages import inputs
from concord.stages.plan import base

MOST = 50_000
"""Records of a file that are looked at; that there are more is told."""
RENDERED = 5_000
"""Records of a file that are turned into ids; that there are more is told."""
R = TypeVar("R")


@dataclass
class Brought:
    """What a recipe names, each part read when it is first asked for; what cannot be read is a remark."""

    loaded: Loaded
    run: Run
    remarks: list[Remark]
    shortened: set[Path] = field(default_factory=set, init=False)
    rows: dict[Path, tuple[list[Demonstration], list[Rendered]]] = field(default_factory=dict, init=False)

    @cached_property
    def files(self) -> dict[Path, inputs.Source]:
        """The files that the recipe names, each once, and last the rankings that its run has collected."""
        found: dict[Path, inputs.Source] = {}
        for source in inputs.sources(self.loaded):
            found.setdefault(source.path, source)
        ranked = self.run.path("rank") / "rankings.jsonl"
        if (
            ranked.is_file() and self.loaded.recipe.rank.by != "file"
        ):  # there they would be the file's once more
            found[ranked] = inputs.Source(inputs.RANKED, ranked, "rankings", ("reward",))
        return found

    @property
    def held_out_file(self) -> Path:
        """The file of prompts that policies are judged on."""
        return self.loaded.folder / self.loaded.recipe.evaluate.prompts

    @cached_property
    def held_out(self) -> list[Prompt]:
        """Those prompts."""
        return self.read(self.held_out_file, "prompts")

    @cached_property
    def records(self) -> dict[Path, list[Any]]:
        """The records of every file."""
        return {path: self.read(path, source.kind) for path, source in self.files.items()}

    @property
    def taught(self) -> Iterator[tuple[Path, list[Any]]]:
        """The files that are learned from, with their records."""
        for path, found in self.records.items():
            if self.files[path].teaches:
                yield path, found

    def all_of(self, kind: Kind) -> Iterator[tuple[Path, list[Any]]]:
        """The files of a kind, with their records."""
        for path, found in self.records.items():
            if self.files[path].kind == kind:
                yield path, found

    @property
    def demonstrations(self) -> Iterator[tuple[Path, list[Demonstration]]]:
        """What people wrote."""
        return self.all_of("demonstrations")

    @property
    def rankings(self) -> Iterator[tuple[Path, list[Ranking]]]:
        """What the reward model learns from: what the run has collected holds what the recipe names too."""
        named = [path for path, source in self.files.items() if source.what == inputs.RANKED]
        return ((path, self.records[path]) for path in named[-1:])

    def read(self, path: Path, kind: Kind) -> list[Any]:
        """A file's first records; a fault is a remark, and then there are none."""
        found: list[Any] = []
        try:
            passage = formats.Passage(path, kind)
            for record in islice(passage, MOST + 1):
                found.append(record)
        except ConcordError as error:
            self.remarks.append(Remark("error", "files", str(path), str(error)))
            return []
        if len(found) > MOST:
            found.pop()
            self.remarks.append(
                Remark("note", "files", str(path), f"only its first {MOST:,} records were looked at.")
            )
        if passage.warnings:
            count = f"{len(passage.warnings):,} kinds of oddities, each by its first place."
            examples = tuple(passage.warnings[: inputs.EXAMPLES])
            self.remarks.append(Remark("warning", "files", str(path), count, examples=examples))
        return found

    @cached_property
    def template(self) -> Template | None:
        """The base model's tokenizer and template; None, and a remark, if there is none."""
        try:
            return template(self.model)
        except ModelError as error:
            self.remarks.append(Remark("error", "model", str(self.model), str(error)))
            return None

    def some(self, path: Path, records: list[R]) -> list[R]:
        """The first records of a file, so many as are turned into ids; that there are more is told once."""
        if len(records) > RENDERED and path not in self.shortened:
            self.shortened.add(path)
            what = f"only its first {RENDERED:,} records were turned into ids."
            self.remarks.append(Remark("note", "lengths", str(path), what))
        return records[:RENDERED]

    def learned(self, path: Path, records: list[Demonstration]) -> tuple[list[Demonstration], list[Rendered]]:
        """Demonstrations as they will be learned; none, and a remark, if the template cannot write them so."""
        assert self.template is not None, "rows are asked for only where there is a template"
        some = self.some(path, records)
        if path not in self.rows:
            try:
                rows = self.template.demonstrations(some, self.loaded.recipe.sft.turns == "all")
            except ModelError as error:
                self.remarks.append(Remark("error", "template", str(path), str(error)))
                some, rows = [], []
            self.rows[path] = some, rows
        return self.rows[path]

    @property
    def model(self) -> Path:
        """The folder of the base model."""
        return base(self.loaded)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The base model's config; empty if it cannot be read, which the template tells."""
        try:
            found = json.loads((self.model / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def context(self) -> int:
        """Tokens that the base model can read at once."""
        return int(self.config.get("max_position_embeddings") or self.config.get("n_positions") or 2**31)
