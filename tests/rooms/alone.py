"""Some rows, and what plain transformers makes of each of them alone: what tests of reading share."""

from typing import Any

import torch
from torch import Tensor, nn

from concord.batches import Rendered

VOCABULARY = 120


def row(prompt: int, size: int, said: int, seed: int, silent: range = range(0)) -> Rendered:
    """A prompt of so many tokens that follow from its number, and so many said ones, not all of them scored."""
    made = [
        torch.randint(VOCABULARY, (count,), generator=torch.Generator().manual_seed(number)).tolist()
        for number, count in ((prompt, size), (1000 + seed, said))
    ]
    return Rendered(made[0] + made[1], [False] * size + [number not in silent for number in range(said)])


ROWS = [
    row(1, 20, 13, 1),  # the prompt is longer than any sliding window, and so is what follows it
    row(2, 6, 25, 2),
    row(1, 20, 1, 3),
    row(3, 2, 5, 4),  # alone: its prompt is too short to share
    row(2, 6, 4, 5),
    row(1, 20, 12, 6, silent=range(3, 9)),  # two turns, and between them what bears no loss
    row(4, 31, 2, 7),
    row(5, 9, 7, 8),  # as many answers as the second prompt has: side by side with it in attention
    row(5, 9, 1, 9),
]
SCORED = [[place for place, own in enumerate(one.scored) if own] for one in ROWS]
WISHES = torch.randn(sum(map(len, SCORED)), generator=torch.Generator().manual_seed(0))


def shaken(network: Any, seed: int = 7) -> Any:
    """The network with every weight moved, so that no bias is 0 and no norm's scale is 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network


def plain_logprobs(network: Any, temperature: float) -> Tensor:
    """[M] by plain transformers: row by row, each alone and unpadded."""
    found = []
    for one, places in zip(ROWS, SCORED, strict=True):
        logits = network(input_ids=torch.tensor([one.tokens]), use_cache=False).logits[0]
        logprobs = (logits / temperature).log_softmax(-1)
        found += [logprobs[place - 1, one.tokens[place]] for place in places]
    return torch.stack(found)


def plain_states(network: Any) -> list[Tensor]:
    """Each row's hidden states by plain transformers."""
    inner = getattr(network, network.base_model_prefix)
    return [inner(input_ids=torch.tensor([one.tokens]), use_cache=False).last_hidden_state[0] for one in ROWS]


def agree(network: nn.Module, twin: nn.Module, found: Tensor, wanted: Tensor) -> None:
    """The same numbers, and of a random weighting of them the same gradients.

    A gradient's error is measured against that parameter's own largest entry: stricter than against the
    largest of all, and fair, for rounding in a sum goes with the size of what is summed.
    """
    assert found.shape == wanted.shape
    assert float((found - wanted).detach().abs().max()) <= 1e-5 * float(wanted.detach().abs().max())
    (found @ WISHES[: len(found)]).backward()
    (wanted @ WISHES[: len(found)]).backward()
    theirs = dict(twin.named_parameters())
    top = max(float(other.grad.abs().max()) for other in theirs.values() if other.grad is not None)
    learned = 0
    for name, parameter in network.named_parameters():
        other = theirs[name].grad
        if other is None:
            assert parameter.grad is None or not parameter.grad.any(), name
            continue
        assert parameter.grad is not None, name
        error, largest = float((parameter.grad - other).abs().max()), float(other.abs().max())
        # some are 0 but for rounding, such as those of a bias that all of softmax's inputs share
        assert error <= 1e-5 * max(largest, 1e-3 * top), f"{name}: {error} of {largest}"
        learned += largest > 0
    assert learned
