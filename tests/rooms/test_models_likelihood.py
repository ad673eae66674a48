"""Head and softmax in one: the numbers and slopes of doing it plainly, whatever the pieces."""

import pytest
import torch
from torch import Tensor, nn

from concord.models import Compute, likelihood
from concord.models.likelihood import Fused

CPU = Compute(torch.device("cpu"), torch.float32, "a test")
WIDTH, VOCABULARY = 12, 37


def plain(states: Tensor, weight: Tensor, said: Tensor, temperature: float) -> Tensor:
    """What torch makes of it, all at once."""
    logprobs = ((states @ weight.T) / temperature).log_softmax(-1)
    return logprobs.gather(-1, said[:, None]).squeeze(-1)


def things(places: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """States, a head's weight, and what was said."""
    torch.manual_seed(seed)
    states = torch.randn(places, WIDTH, dtype=dtype, requires_grad=True)
    weight = torch.randn(VOCABULARY, WIDTH, dtype=dtype, requires_grad=True)
    return states, weight, torch.randint(0, VOCABULARY, (places,))


@pytest.fixture(params=["whole and kept", "in chunks and kept", "in chunks and made again"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How many places are looked at together, and whether their logits are kept for the way back."""
    way: str = request.param
    if "chunks" in way:
        monkeypatch.setattr(likelihood, "LEAST", 64)
        monkeypatch.setattr(likelihood, "CHUNK", 1)
        assert likelihood.chunk(VOCABULARY) == 64
    else:
        assert likelihood.chunk(VOCABULARY) > 1000
    if "again" in way:
        monkeypatch.setattr(likelihood, "KEPT", 0)
    return way


def test_chunks_are_even_and_never_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 5000 logits are 135 places of 37, so the least there is; 30 000 are 810, cut to 12 x 64."""
    for most, places in ((5000, 512), (30_000, 768), (37 * 512, 512), (37 * 576 - 1, 512), (37 * 576, 576)):
        monkeypatch.setattr(likelihood, "CHUNK", most)
        assert likelihood.chunk(VOCABULARY) == places


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_slopes_are_those_of_the_numbers(
    pieces: str, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every slope in float64 against differences; five places in chunks of two, the last of one."""
    if "chunks" in pieces:
        monkeypatch.setattr(likelihood, "chunk", lambda vocabulary: 2)
    torch.manual_seed(1)
    states = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    said = torch.tensor([0, 6, 3, 3, 1])

    def found(states: Tensor, weight: Tensor) -> Tensor:
        return Fused.apply(states, weight, said, temperature)

    assert torch.autograd.gradcheck(found, (states, weight), atol=1e-8, rtol=1e-6)
    torch.testing.assert_close(
        found(states, weight), plain(states, weight, said, temperature), atol=1e-12, rtol=0
    )
    # one of the two may be frozen
    assert torch.autograd.gradcheck(lambda given: found(given, weight.detach()), (states,))
    assert torch.autograd.gradcheck(lambda given: found(states.detach(), given), (weight,))


@pytest.mark.parametrize("places", [1, 64, 65, 200])
@pytest.mark.parametrize("temperature", [1.0, 0.7, 3.0])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_as_plain_torch(
    pieces: str, places: int, temperature: float, dtype: torch.dtype, close: float
) -> None:
    """Numbers and slopes of `likelihood`, a head around the weight; places in no multiple of 64, too."""
    states, weight, said = things(places, dtype)
    head = nn.Linear(WIDTH, VOCABULARY, bias=False, dtype=dtype)
    head.weight = nn.Parameter(weight.detach().clone())
    wish = torch.randn(places, dtype=dtype)
    found = likelihood.likelihood(states, head, said, temperature, CPU)
    assert found.shape == (places,) and found.dtype == dtype
    expected = plain(states, weight, said, temperature)
    torch.testing.assert_close(found, expected, atol=close, rtol=close)
    (mine,) = torch.autograd.grad(found @ wish, states, retain_graph=True)
    (of_head,) = torch.autograd.grad(found @ wish, head.weight)  # the second way back finds the same logits
    theirs, of_weight = torch.autograd.grad(expected @ wish, [states, weight])
    torch.testing.assert_close(mine, theirs, atol=close, rtol=close)
    torch.testing.assert_close(of_head, of_weight, atol=10 * close, rtol=close)  # a sum over all places


def test_what_is_made_is_what_was_asked(pieces: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 places in rows of 64 are 4 chunks; they are kept, or made again on the way back, never both."""
    made: list[int] = []
    product = Tensor.__matmul__

    def counted(one: Tensor, other: Tensor) -> Tensor:
        if other.shape[-1] == VOCABULARY:
            made.append(len(one))
        return product(one, other)

    states, weight, said = things(200, torch.float32)
    head = nn.Linear(WIDTH, VOCABULARY, bias=False)
    head.weight = nn.Parameter(weight.detach().clone())
    monkeypatch.setattr(Tensor, "__matmul__", counted)
    found = likelihood.likelihood(states, head, said, 1.0, CPU)
    chunks = [256] if pieces.startswith("whole") else [64] * 4
    assert made == chunks
    found.sum().backward()
    assert made == (chunks * 2 if "again" in pieces else chunks)


def test_a_head_with_a_bias_speaks_with_it() -> None:
    """Whatever is not a bare matrix is asked itself."""
    states, _, said = things(70, torch.float64)
    for head in (
        nn.Linear(WIDTH, VOCABULARY, dtype=torch.float64),
        nn.Sequential(nn.Linear(WIDTH, VOCABULARY, bias=False, dtype=torch.float64), nn.Tanh()),
    ):
        found = likelihood.likelihood(states, head, said, 0.7, CPU)
        expected = (head(states) / 0.7).log_softmax(-1)[torch.arange(70), said]
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
        parameters = [states, *head.parameters()]
        for mine, theirs in zip(
            torch.autograd.grad(found.sum(), parameters, retain_graph=True),
            torch.autograd.grad(expected.sum(), parameters),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0)


def test_a_tied_head_learns_from_both_its_ends(pieces: str) -> None:
    """The matrix that reads tokens in and the one that speaks are one: its slope is the sum of both."""
    torch.manual_seed(2)
    table = nn.Embedding(VOCABULARY, WIDTH, dtype=torch.float64)
    head = nn.Linear(WIDTH, VOCABULARY, bias=False, dtype=torch.float64)
    head.weight = table.weight
    read, said = torch.randint(0, VOCABULARY, (2, 150))
    found = likelihood.likelihood(table(read).tanh(), head, said, 0.9, CPU)
    expected = plain(table(read).tanh(), table.weight, said, 0.9)
    wish = torch.randn(150, dtype=torch.float64)
    (mine,) = torch.autograd.grad(found @ wish, table.weight)
    (theirs,) = torch.autograd.grad(expected @ wish, table.weight)
    torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=1e-12)
    assert float(theirs.abs().min(dim=0).values.max()) > 0


def test_certain_and_hopeless_tokens_are_finite(pieces: str) -> None:
    """Logits far apart neither overflow nor give a slope that is no number."""
    states = (torch.eye(VOCABULARY)[:, :WIDTH] * 1e4)[:WIDTH].requires_grad_()
    weight = torch.eye(VOCABULARY)[:, :WIDTH].clone().requires_grad_()
    head = nn.Linear(WIDTH, VOCABULARY, bias=False)
    head.weight = nn.Parameter(weight.detach().clone())
    certain = torch.arange(WIDTH)
    found = likelihood.likelihood(states, head, certain, 1.0, CPU)
    assert found.tolist() == [0.0] * WIDTH
    hopeless = likelihood.likelihood(states, head, (certain + 1) % WIDTH, 1.0, CPU)
    assert hopeless.tolist() == [-1e4] * WIDTH
    (slope,) = torch.autograd.grad(hopeless.sum(), head.weight)
    expected = torch.zeros(VOCABULARY, WIDTH)
    for place in range(WIDTH):
        expected[place, place] -= 1e4  # all the weight is on what was not said
        expected[(place + 1) % WIDTH, place] += 1e4
    torch.testing.assert_close(slope, expected, atol=0, rtol=1e-6)


def test_nothing_said_is_nothing_found() -> None:
    states, weight, _ = things(0, torch.float32)
    head = nn.Linear(WIDTH, VOCABULARY, bias=False)
    head.weight = nn.Parameter(weight.detach().clone())
    found = likelihood.likelihood(states, head, torch.zeros(0, dtype=torch.int64), 1.0, CPU)
    assert found.shape == (0,)
    found.sum().backward()
    assert not head.weight.grad.any()  # type: ignore[union-attr]
