"""What a foreign format cannot carry, counted while it is written, so that nothing is lost in silence."""

from collections import Counter
from dataclasses import dataclass, field

from concord.records import Completion, Prompt, Ranking, prompt_key


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

    def completion(self, completion: Completion) -> None:
        """A completion written as its text alone."""
        self.add("who wrote an answer", "names dropped", bool(completion.by))
        known = (completion.seed, completion.temperature, completion.finish)
        self.add("how an answer was sampled", "answers lost it", any(fact is not None for fact in known))
        held = completion.tokens is not None or completion.logprobs is not None
        self.add("tokens and their log-probabilities", "answers lost theirs", held)

    def pairs(self, ranking: Ranking) -> list[tuple[int, int]]:
        """A ranking written as its pairs alone."""
        tied = sum(len(tier) * (len(tier) - 1) // 2 for tier in ranking.tiers)
        self.add("ties", "tied pairs dropped", tied)
        self.add("unranked answers", "answers dropped", len(ranking.unranked))
        pairs = list(ranking.pairs())
        self.add("rankings without a pair", "rankings dropped", not pairs)
        self.add("lists", "rankings of more than two answers cut into pairs", len(pairs) > 1)
        self.add("the names of judges", "names dropped", bool(ranking.by))
        self.add("who or what judged", "rankings not by people lost it", ranking.source != "human")
        self.add("aspects", "rankings lost theirs", ranking.aspect != "overall")
        self.add("the order shown", "rankings lost theirs", bool(ranking.shown))
        self.add("the mark that all answers are bad", "marks dropped", ranking.all_bad)
        self.add("how much a ranking counts", "weights dropped", ranking.weight != 1.0)
        self.add("soft labels", "chances dropped", len(ranking.chances))
        ranked = {position for tier in ranking.tiers for position in tier}
        if pairs:
            self.prompt(ranking.prompt)
            for position in ranked:
                self.completion(ranking.completions[position])
        return pairs
