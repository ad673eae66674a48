"""What a place to grow in needs of a network: read prompts, then take a token and tell the next logits."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from concord.models import Compute
from concord.models.anatomy import anatomy


class Decoder(Protocol):
    """Rows that grow side by side, numbered from 0 without gaps."""

    refills: bool
    """Whether rows may begin while others grow."""

    def admit(self, prompts: Sequence[tuple[int, ...]], rooms: Sequence[int]) -> Tensor:
        """Begin new rows after those that are there, each with room to grow; their [new, V] first logits."""
        ...

    def go_on(self, tokens: Tensor) -> Tensor:
        """Add a token to every row; [N, V] what each expects next."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on: the i-th of them is row i from now on. Few should change their number."""
        ...

    def rest(self) -> None:
        """Give back what growing took; only while there are no rows."""
        ...


def decoder(network: nn.Module, compute: Compute) -> Decoder:
    """The fastest decoder that is right for this network: the fused one, its own memory, or none."""
    from concord.sampling.anew import Anew, remembers
    from concord.sampling.fused import Fused
    from concord.sampling.recorded import Recorded
    from concord.sampling.weights import fuse
    from concord.sampling.whole import Whole

    parts, _ = anatomy(network)
    if parts is not None and parts.head is not None and parts.steady:
        kind = Recorded if compute.device.type == "cuda" else Fused
        return kind(fuse(parts, compute.dtype), compute.device)
    whole = Whole(network, compute)
    return whole if whole.refills or remembers(network, compute) else Anew(network, compute)
