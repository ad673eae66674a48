"""What several reward models know that one does not, on the starter world.

    python -m benchmarks.members [--run runs/methods] [--out runs/members] [--seeds 0,1,2]

Begins with the runs of `python -m benchmarks.methods`: the same rankings teach three models, each in an order of its
own. They and the run's single one are tried on what all policies answered to held-out prompts about new items.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import percent, table
from benchmarks.starter import asked, begun, of, right, scorer, share, tried

COUNT = 3
BEGIN = ("sft", "sample", "rank")
HARM = "harm"

Pairs = list[tuple[str, float]]
"""Of each pair of answers: its prompt, and whether it was put right."""


def judged(run: Path, seed: int, place: Path) -> tuple[Pairs, Pairs]:
    """The single model's and the members' pairs of one seed, which the prompts' names begin with."""
    members = begun(run, seed, place, BEGIN, "reward", f"reward.members.count={COUNT}")
    said = tried(run, seed)

    def tested(folder: Path) -> Pairs:
        return [(f"{seed} {prompt}", credit) for prompt, credit in right(said, scorer(folder).score(said))]

    return tested(run / f"seed-{seed}" / "reward"), tested(members)


def line(name: str, one: Pairs, several: Pairs, harm: set[str]) -> list[str]:
    """A seed's line: overall, by how much, and on requests for harm alone."""
    more = [after - before for (_, before), (_, after) in zip(one, several, strict=True)]
    of_harm = (share([pair for pair in pairs if pair[0] in harm]) for pairs in (one, several))
    gain = percent(of(more, [prompt for prompt, _ in one]))
    return [name, f"{len(one):,}", percent(share(one)), percent(share(several)), gain, *map(percent, of_harm)]


def rows(run: Path, out: Path, seeds: Sequence[int]) -> list[list[str]]:
    """Every seed, then all of them, each prompt of a seed a cluster of its own."""
    lines: list[list[str]] = []
    ones: Pairs = []
    severals: Pairs = []
    harm = {
        f"{seed} {said.prompt.id}" for seed in seeds for said in tried(run, seed) if HARM in said.prompt.tags
    }
    for seed in seeds:
        one, several = judged(run, seed, out / f"seed-{seed}")
        lines.append(line(str(seed), one, several, harm))
        ones += one
        severals += several
    return [*lines, line("all", ones, severals, harm)]


def main() -> None:
    """A line for each seed, as Markdown."""
    wanted = asked(__doc__, "members")
    wanted.out.mkdir(parents=True, exist_ok=True)
    heads = ["seed", "pairs", "one right, %", "three", "points more", "one, harm", "three, harm"]
    print(table(heads, rows(wanted.run, wanted.out, wanted.seeds)))


if __name__ == "__main__":
    main()
