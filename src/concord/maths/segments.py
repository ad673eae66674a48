"""Credit for parts of a completion: what each part adds to the score of what stands before it.

Shapes: N completions, S tokens. prefixes [N, S] holds the score of a completion cut after each token; a causal
reward model gives all of them in one pass. mask [N, S] is True where a token stands. ends [N, S] is True at
each segment's last token; the last token of a completion always ends one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def prefix_differences(prefixes: Tensor, ends: Tensor) -> Tensor:
    """What each segment adds, on its last token; the sum is the whole completion's score.

    prefixes [N, S], ends [N, S] -> [N, S]:  s(y_<=k) - s(y_<k) at the end of segment k, 0 elsewhere, with the
    score of nothing taken as 0 (book, 4.67-4.69).
    """
    numbers = ends.cumsum(-1)
    compact = torch.zeros_like(F.pad(prefixes, (1, 0)))
    values = torch.where(ends, prefixes, 0.0)
    compact = compact.scatter_add(-1, torch.where(ends, numbers, 0), values)
    before = compact.gather(-1, (numbers - 1).clamp(min=0))
    before = torch.where(numbers > 1, before, 0.0)
    return torch.where(ends, prefixes - before, 0.0)


def fixed_ends(mask: Tensor, size: int) -> Tensor:
    """Segments of so many tokens each; the last one of what is left.

    mask [N, S] -> bool [N, S].
    """
    numbers = mask.cumsum(-1)
    return mask & ((numbers % size == 0) | _last(mask))


def change_ends(prefixes: Tensor, mask: Tensor, threshold: float) -> Tensor:
    """Segments that end where the score has moved: by at least a threshold since the last end.

    prefixes [N, S], mask [N, S] -> bool [N, S]. The score of nothing is 0.
    """
    since = torch.zeros_like(prefixes[:, 0])
    columns = []
    for here, live in zip(prefixes.unbind(-1), mask.unbind(-1), strict=True):
        moved = live & ((here - since).abs() >= threshold)
        since = torch.where(moved, here, since)
        columns.append(moved)
    return torch.stack(columns, -1) | _last(mask)


def _last(mask: Tensor) -> Tensor:
    """[N, S] True at each row's last token alone."""
    after = F.pad(mask.flip(-1).cumsum(-1).flip(-1), (0, 1))[..., 1:]
    return mask & (after == 0)
