"""What a foreign format cannot carry, counted while it is written, so that nothing is lost in silence."""

from collections import Counter
from dataclasses import dataclass, field

from concord.records import Completion, Demonstration, Prompt, Ranking, Source, prompt_key

WHO: dict[Source, str] = {"human": "people", "ai": "a model", "rule": "a rule"}


@dataclass(slots=True)
class Losses:
    """The count of everything that did not fit, by what it is and what became of it."""

    format: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, what: str, fate: str, count: int = 1) -> None:
        """Count something that is lost; `fate` reads on from the number, as in "tied pairs dropped"."""
        if count:
            self.counts[what, fate] += count

    def lines(self) -> tuple[str, ...]:
        """One sentence for each kind of loss."""
        return tuple(
            f"{self.format} cannot carry {what}: {count:,} {fate}"
            for (what, fate), count in self.counts.items()
        )

    def prompt(self, prompt: Prompt) -> None:
        """A prompt written as its messages alone."""
        self.add("ids of prompts", "ids dropped", prompt.id not in ("", prompt_key(prompt.messages)))
        self.add("tags", "prompts lost theirs", bool(prompt.tags))

    def completion(self, completion: Completion, *kept: str) -> None:
        """A completion written as its text alone, but for the fields that the format keeps."""
        self.add("who wrote an answer", "names dropped", bool(completion.by) and "by" not in kept)
        known = (completion.seed, completion.temperature, completion.finish)
        self.add("how an answer was sampled", "answers lost it", any(fact is not None for fact in known))
        held = completion.tokens is not None or completion.logprobs is not None
        self.add("tokens and their log-probabilities", "answers lost theirs", held)

    def demonstration(self, shown: Demonstration) -> None:
        """A demonstration written as its texts alone."""
        self.prompt(shown.prompt)
        self.add("who wrote an answer", "names dropped", bool(shown.by))

    def guidance(self, by: str, source: Source, aspect: str, *kept: str, usual: Source = "human") -> None:
        """Who judged what; what the format says of its own accord is not lost."""
        self.add("the names of judges", "names dropped", bool(by) and "by" not in kept)
        self.add(
            "who or what judged",
            f"records not by {WHO[usual]} lost it",
            source != usual and "source" not in kept,
        )
        self.add("aspects", "records lost theirs", aspect != "overall" and "aspect" not in kept)

    def judged(self, ranking: Ranking, *kept: str, usual: Source = "human") -> None:
        """What is said beside the order of a ranking."""
        self.guidance(ranking.by, ranking.source, ranking.aspect, *kept, usual=usual)
        self.add("the order shown", "rankings lost theirs", bool(ranking.shown) and "shown" not in kept)
        self.add(
            "the mark that all answers are bad", "marks dropped", ranking.all_bad and "all_bad" not in kept
        )
        self.add("how much a ranking counts", "weights dropped", ranking.weight != 1.0)
        self.add("soft labels", "chances dropped", len(ranking.chances))

    def listed(self, ranking: Ranking, *kept: str, usual: Source = "human", answers: str = "") -> None:
        """A ranking written whole, as a list; `answers` names what is kept of each answer."""
        self.prompt(ranking.prompt)
        self.judged(ranking, *kept, usual=usual)
        for completion in ranking.completions:
            self.completion(completion, answers)

    def pairs(
        self, ranking: Ranking, *kept: str, usual: Source = "human", answers: str = ""
    ) -> list[tuple[int, int]]:
        """A ranking written as its pairs alone."""
        tied = sum(len(tier) * (len(tier) - 1) // 2 for tier in ranking.tiers)
        self.add("ties", "tied pairs dropped", tied)
        self.add("unranked answers", "answers dropped", len(ranking.unranked))
        pairs = list(ranking.pairs())
        self.add("rankings without a pair", "rankings dropped", not pairs)
        self.add("lists", "rankings of more than two answers cut into pairs", len(pairs) > 1)
        self.judged(ranking, *kept, usual=usual)
        ranked = {position for tier in ranking.tiers for position in tier}
        if pairs:
            self.prompt(ranking.prompt)
            for position in ranked:
                self.completion(ranking.completions[position], answers)
        return pairs
