"""Numbers along sequences of tokens: log-probabilities, entropy, and sums that see only what the mask shows.

Shapes: N sequences, T tokens, V vocabulary. Everything of shape [N, T] is aligned: position t speaks of
token t. Masks are boolean and True where a token counts. What stands under a False never reaches a result
or a gradient, even if it is inf or nan.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor


def token_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """How likely the model held each token that was said, as a log-probability.

    logits [..., V], tokens [...] -> [...]:  logits[token] - log sum_v exp logits[v].
    The caller aligns the two: logits at a place are those that predict the token at that place.
    """
    return logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)


def entropy(logits: Tensor) -> Tensor:
    """How undecided the model is about the next token, in nats.

    logits [..., V] -> [...]:  -sum_v p_v log p_v; a forbidden token (logit -inf) adds nothing.
    """
    logprobs = logits.log_softmax(-1)
    finite = torch.where(logprobs.isinf(), 0.0, logprobs)
    return -(logprobs.exp() * finite).sum(-1)


def masked_sum(x: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """The sum of what the mask shows along one dimension; 0 where it shows nothing.

    x and mask [..., T, ...] -> that shape without dim:  sum_t where(mask_t, x_t, 0).
    The terms are added in pairs from the first shown one on, so padding on either side does not change
    a bit of the result, and rounding errors grow with log T only.
    """
    shown = torch.where(mask, x, 0.0)
    return _paired_sum(shown.movedim(dim, -1), mask.expand_as(shown).movedim(dim, -1))


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean of everything that the mask shows; 0 if it shows nothing.

    x [N, T] (or any shape), mask alike -> scalar:  sum where(mask, x, 0) / max(1, count of True).
    Every token weighs the same, whichever sequence it stands in. Padding does not change a bit of it.
    """
    total = torch.where(mask, x, 0.0)
    live = mask.expand_as(total)
    count = live.sum().clamp(min=1)
    while total.dim() > 0:
        total, live = _paired_sum(total, live), live.any(-1)
    return total / count


def masked_variance(x: Tensor, mask: Tensor) -> Tensor:
    """How far what the mask shows spreads about its mean: the biased variance (divided by n).

    x [N, T], mask [N, T] -> scalar:  mean (x - mean x)^2.
    """
    shown = torch.where(mask, x, 0.0)
    return masked_mean((shown - masked_mean(shown, mask)).square(), mask)


def whiten(x: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale what the mask shows to mean 0 and variance 1; 0 elsewhere.

    x [N, T], mask [N, T] -> [N, T]:  (x - mean) / sqrt(variance + 1e-8).
    The variance is the biased one (n), as in OpenAI's lm-human-preferences (Huang et al. 2024, "The N
    implementation details of RLHF with PPO", detail 9). TRL divides by n - 1.
    """
    shown = torch.where(mask, x, 0.0)
    scaled = (shown - masked_mean(shown, mask)) * (masked_variance(shown, mask) + 1e-8).rsqrt()
    return torch.where(mask, scaled, 0.0)


def last_true(mask: Tensor) -> Tensor:
    """Where each sequence's last counted token stands.

    mask [N, T] -> [N], the largest t with mask[n, t]. A row without any has no last token: ValueError.
    """
    places = torch.arange(mask.shape[-1], device=mask.device)
    padded = F.pad(torch.where(mask, places, -1), (1, 0), value=-1)
    last = padded.amax(-1)
    if bool((last < 0).any()):
        rows = (last < 0).nonzero().flatten().tolist()
        raise ValueError(
            f"{len(rows)} of {len(last)} rows of the mask are empty, the first is row {rows[0]}; "
            "a sequence without a token has no last one. Leave such sequences out."
        )
    return last


def set_apart(*tensors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Find the places where any of the tensors is not a number, and put 0 there in all of them.

    Tensors of shapes that broadcast to [...] -> (sound [...] bool, the tensors [...] with 0 where not sound).
    An elementwise formula works on the clean tensors and answers where(sound, result, nan): a broken entry
    is then still seen as nan where it counts, while one under a mask sends no nan into the gradient.
    """
    sound = functools.reduce(torch.logical_and, [tensor.isfinite() for tensor in tensors])
    return sound, [torch.where(sound, tensor, 0.0) for tensor in tensors]


def bounded(exponent: Tensor) -> Tensor:
    """Hold an exponent below the point where exp of it, or a product with it, would overflow.

    [...] -> [...]:  min(x, log(largest number) / 2 - 1), that is 43 in float32 and 353 in float64. Beyond the
    bound the gradient is 0. Real tokens stay far below; forgotten padding need not.
    """
    return exponent.clamp(max=math.log(torch.finfo(exponent.dtype).max) / 2 - 1)


def _paired_sum(x: Tensor, mask: Tensor) -> Tensor:
    """[..., T] with 0 off the mask -> [...], the sum in a binary tree that starts at the first True."""
    width = 1 << max(0, x.shape[-1] - 1).bit_length()
    room = (0, width - x.shape[-1])
    x, mask = F.pad(x, room), F.pad(mask, room)
    places = torch.arange(width, device=x.device)
    first = torch.where(mask, places, width).amin(-1, keepdim=True)
    terms = x.gather(-1, (places + first) % width)
    while terms.shape[-1] > 1:
        terms = terms[..., 0::2] + terms[..., 1::2]
    return terms.squeeze(-1)
