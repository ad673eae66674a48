"""Imitation: only answers bear loss, a dialogue is learned in one pass, and prompts are kept back whole."""

import math
from pathlib import Path

import pytest
import torch
from tests.rooms import families, methods
from tests.rooms.methods import asked, bench

from concord.algorithms import ALGORITHMS, sft
from concord.algorithms.stopping import surprise
from concord.batches import Rendered, pack
from concord.models import Policy
from concord.records import Completion, Demonstration, Prompt, Stream, parted, seed_of
from concord.runs import load
from concord.settings import SFT
from concord.stages.inputs import sources
from concord.stages.plan import plan
from concord.training import Local, Loss

DIALOGUE = Demonstration(asked("a", "b b", "how far?", "ten", "and then?"), "to the sea")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 computes in float64 throughout if asked to."""
    return families.folder(tmp_path_factory.mktemp("imitation") / "gpt2", "gpt2")


@pytest.fixture
def policy(path: Path) -> Policy:
    found = Policy.load(path, families.CPU)
    found.network.double()
    return found


def loss(policy: Policy, *rows: Rendered) -> Loss:
    return sft.Imitation(policy)(pack(rows))


def gradient(policy: Policy, *rows: Rendered) -> list[torch.Tensor]:
    policy.network.zero_grad()
    Local(torch.device("cpu")).backward(loss(policy, *rows).mean)
    return [p.grad.clone() for p in policy.network.parameters() if p.grad is not None]


def test_t1_the_loss_is_the_hand_sum_over_the_answer(policy: Policy) -> None:
    """Plain transformers told by its own labels which tokens count: the same loss and the same gradient."""
    row = policy.template.demonstration(Demonstration(asked("how far is it?"), "ten miles"), False)
    tokens = torch.tensor([row.tokens])
    logprobs = policy.network(input_ids=tokens).logits[0].log_softmax(-1).detach()
    own = [place for place in range(len(row)) if row.scored[place]]
    by_hand = -math.fsum(float(logprobs[place - 1, row.tokens[place]]) for place in own) / len(own)
    assert float(loss(policy, row).mean.detach()) == pytest.approx(by_hand, abs=1e-12)
    ours = gradient(policy, row)
    labels = torch.where(torch.tensor([row.scored]), tokens, -100)
    policy.network.zero_grad()
    logits = policy.network(input_ids=tokens).logits[
        0, :-1
    ]  # the family's own loss would round them to float32
    theirs = torch.nn.functional.cross_entropy(logits, labels[0, 1:])
    torch.autograd.backward(theirs)
    for mine, parameter in zip(ours, policy.network.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, atol=1e-10, rtol=0)
    assert float(theirs.detach()) == pytest.approx(by_hand, abs=1e-12)


def test_t1_what_is_said_about_the_prompt_teaches_nothing(policy: Policy) -> None:
    """Nothing flows back from what the network expects inside the prompt: its gradient there is 0, elsewhere not."""
    row = policy.template.demonstration(Demonstration(asked("how far is it?"), "ten miles"), False)
    kept: list[torch.Tensor] = []
    hook = policy.network.transformer.ln_f.register_forward_hook(
        lambda module, given, found: (found.retain_grad(), kept.append(found))[0]
    )
    torch.autograd.backward(loss(policy, row).mean)
    hook.remove()
    seen = kept[0].grad[0, : len(row)].abs().sum(-1)
    predicts = torch.tensor([*row.scored[1:], False])
    assert bool((seen[predicts] > 1e-4).all()) and not seen[~predicts].any()
    # the label of a prompt's token is no label: told otherwise (unscored or not there), the loss is the same
    other = Rendered(row.tokens, [False] * row.opening + row.scored[row.opening :])
    assert float(loss(policy, other).mean.detach()) == float(loss(policy, row).mean.detach())


def test_t1_the_end_token_is_learned(policy: Policy) -> None:
    """The last thing that an answer teaches is to stop: a step against the gradient makes the end likelier."""
    row = policy.template.demonstration(Demonstration(asked("x"), "y"), False)
    end = policy.template.stops.end
    assert row.scored[-1] and row.tokens[-1] == end
    cut = policy.template.completion(Completion(asked("x"), "y", finish="length"))
    assert cut.tokens == row.tokens[:-1]
    batch = pack([row])
    before = float(policy.logprobs(batch)[0, -1].detach())
    found = gradient(policy, row)
    with torch.no_grad():
        for parameter, slope in zip(policy.network.parameters(), found, strict=True):
            parameter.sub_(slope, alpha=1e-3)
    assert float(policy.logprobs(batch)[0, -1].detach()) > before + 1e-4


def test_t2_one_pass_over_a_dialogue_is_a_pass_for_each_turn(policy: Policy) -> None:
    """Every answer after exactly what came before it, as 4.5-4.7 want; the sum of K passes is that of one."""
    messages = [*DIALOGUE.prompt.messages]
    turns = [(turn, one.content) for turn, one in enumerate(messages) if one.role == "assistant"]
    turns.append((len(messages), DIALOGUE.text))
    alone = [
        policy.template.demonstration(Demonstration(Prompt(tuple(messages[:turn]), "t"), text), False)
        for turn, text in turns
    ]
    whole = policy.template.demonstration(DIALOGUE, every_turn=True)
    assert len(alone) == 3 and sum(whole.scored) == sum(sum(one.scored) for one in alone)
    sums = [float(policy.logprobs(pack([one])).sum().detach()) for one in alone]
    found = policy.logprobs(pack([whole])).detach()
    assert float(found.sum()) == pytest.approx(math.fsum(sums), abs=1e-9)
    one_pass = gradient(policy, whole)
    shares = [sum(one.scored) / sum(whole.scored) for one in alone]
    several = [gradient(policy, one) for one in alone]
    for number, slope in enumerate(one_pass):
        summed = sum(share * part[number] for share, part in zip(shares, several, strict=True))
        torch.testing.assert_close(slope, summed, atol=1e-9, rtol=0)


def test_t2_packed_is_unpacked(policy: Policy) -> None:
    """Rows end to end, each alone, and padded side by side: one loss and one gradient."""
    rows = [policy.template.demonstration(one, True) for one in (*methods.DEMONSTRATIONS, DIALOGUE)]
    packed, slopes = float(loss(policy, *rows).mean.detach()), gradient(policy, *rows)
    weights = [sum(row.scored) / sum(sum(one.scored) for one in rows) for row in rows]
    apart = math.fsum(
        share * float(loss(policy, row).mean.detach()) for share, row in zip(weights, rows, strict=True)
    )
    assert packed == pytest.approx(apart, abs=1e-12)
    policy.trunk.padded, policy.trunk.anatomy = "a test", None
    assert float(loss(policy, *rows).mean.detach()) == pytest.approx(packed, abs=1e-12)
    for one, other in zip(slopes, gradient(policy, *rows), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


def test_t3_surprise_is_the_loss_however_it_is_cut(policy: Policy) -> None:
    rows = [policy.template.demonstration(one, True) for one in methods.DEMONSTRATIONS]
    expected = float(loss(policy, *rows).mean.detach())
    policy.network.train()
    for budget in (1, 60, 8192):
        assert surprise(policy, rows, budget) == pytest.approx(expected, abs=1e-12)
    assert policy.network.training


def test_t3_prompts_are_kept_back_whole(tmp_path: Path) -> None:
    """By name, not by place: every record of a prompt is on one side, in a list or on disk alike."""
    some = [Demonstration(asked(f"{number // 2}"), f"{number}") for number in range(400)]
    shown, kept = parted(some, 0.25, 7)
    assert sorted([*shown, *kept], key=lambda one: int(one.text)) == some
    assert not {one.prompt.id for one in shown} & {one.prompt.id for one in kept}
    assert {one.prompt.id for one in kept} == {
        one.prompt.id for one in some if seed_of(7, "hold out", one.prompt.id) % 1000 < 250
    }
    assert 60 <= len(list(kept)) <= 140
    streams = parted(Stream(lambda: iter(some), "some", tmp_path), 0.25, 7)
    assert [list(part) for part in streams] == [list(shown), list(kept)]
    assert len({part.name for part in streams}) == 2


def test_t3_nothing_kept_back_is_learning_as_ever(path: Path) -> None:
    """Defaults: no looks, no other networks, and the feed of fixed data itself."""
    course = ALGORITHMS["sft"](SFT(), bench(path))
    assert type(course.feed).__name__ == "Reading" and set(course.networks) == {"policy"} and not course.tells
    assert set(ALGORITHMS["sft"](SFT(hold_out=0.3), bench(path)).networks) == {"policy", "best"}


def test_t3_the_general_file_is_read_and_named_like_the_others(tmp_path: Path) -> None:
    """It decides which weights are kept: another file is another stage, and a faulty one is told before it begins."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "rank: {by: panel}\nsft: {general: g.jsonl}\nrivals: {more: {method: sft, general: h.jsonl}}\n"
    )
    loaded = load(recipe)
    tasks = {task.name: task.files for task in plan(loaded)}
    assert tmp_path / "g.jsonl" in tasks["sft"] and tmp_path / "h.jsonl" in tasks["rivals/more"]
    read = {source.path.name: source.tasks for source in sources(loaded)}
    assert read["g.jsonl"] == ("sft",) and read["h.jsonl"] == ("rivals/more",)
