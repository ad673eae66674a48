"""Fewer demonstrations by a small model's opinion: those that it finds likeliest are kept."""

from collections.abc import Sequence

from concord.algorithms.experience import likelihood
from concord.batches import pack
from concord.models import Policy
from concord.records import Demonstration


def likeliest(
    demonstrations: Sequence[Demonstration], policy: Policy, keep: int, micro_tokens: int = 4096
) -> list[Demonstration]:
    """So many demonstrations, in their order: those whose answers have the highest likelihood per token.

    A small policy that was supervised on a few good demonstrations so tells the plain ones of a large pool from
    those that are garbled or answer something else. Length is no advantage; of equals, the first is kept.
    """
    if not 0 < keep <= len(demonstrations):
        raise ValueError(
            f"keep is {keep}; it must lie between 1 and the {len(demonstrations)} demonstrations"
        )
    rows = pack(policy.template.demonstrations(demonstrations, every_turn=False))
    tokens = likelihood(policy, rows, 1.0, micro_tokens)
    means = (tokens.sum(-1) / rows.scored.sum(-1)).tolist()
    best = sorted(range(len(means)), key=lambda place: (-means[place], place))[:keep]
    return [demonstrations[place] for place in sorted(best)]
