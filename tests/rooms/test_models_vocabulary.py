"""Formulas over whole predictions: what plain logits give, in pieces, whatever the family, adapters included."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families

from concord.batches import collate
from concord.maths.distillation import forward_kl, reverse_kl
from concord.maths.drift import log_collision
from concord.models import Policy, vocabulary
from concord.models.vocabulary import over_vocabulary
from concord.records import Completion

torch.set_num_threads(1)

SAID = [
    Completion(families.asked("hello"), "the sea was calm and it is far to the next town", finish="stop"),
    Completion(families.asked("hello"), "no", finish="stop"),
    Completion(families.asked("a", "b", "c"), "it is far away", finish="stop"),
]


def plainly(policies: list[Policy], formula: Any) -> list[torch.Tensor]:
    """Row by row, all logits at once, by the Hugging Face module itself."""
    found = []
    for row in policies[0].template.completions(SAID):
        logits = [one.network(input_ids=torch.tensor([row.tokens])).logits[0, :-1] for one in policies]
        found.append(formula(*(one[torch.tensor(row.scored[1:])] for one in logits)))
    return found


@pytest.mark.parametrize("family", ["gpt2", "qwen3", "gemma2"])
def test_t8_in_pieces_it_is_what_plain_logits_give(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers and gradients, of one policy and of two; a frozen teacher gets none. Gemma 2 caps its logits."""
    monkeypatch.setattr(vocabulary, "chunk", lambda size: 5)
    student = Policy.load(families.folder(tmp_path / "one", family), families.CPU)
    teacher = Policy.load(families.folder(tmp_path / "two", family, seed=3), families.CPU)
    teacher.network.requires_grad_(False)
    assert student.headed is (family != "gemma2")
    rows = collate.completions(SAID, student.template)
    for who, formula in (([student], log_collision), ([student, teacher], reverse_kl)):
        found, wanted = over_vocabulary(who, rows, formula), plainly(who, formula)
        for number, row in enumerate(wanted):
            torch.testing.assert_close(found[number][rows.scored[number]], row, rtol=1e-3, atol=2e-5)
        assert not found[~rows.scored].any()
        student.network.zero_grad()
        found.sum().backward()
        mine = {name: p.grad.clone() for name, p in student.network.named_parameters() if p.grad is not None}
        student.network.zero_grad()
        torch.cat(wanted).sum().backward()
        for name, parameter in student.network.named_parameters():
            if parameter.grad is not None:
                torch.testing.assert_close(mine[name], parameter.grad, rtol=1e-2, atol=1e-3)
    assert all(parameter.grad is None for parameter in teacher.network.parameters())


def test_t8_a_longer_head_is_cut_to_the_tokens_there_are(tmp_path: Path) -> None:
    """A teacher with spare rows in its head, as padded vocabularies have: only real tokens are compared."""
    student = Policy.load(families.folder(tmp_path / "one", "qwen2"), families.CPU)
    teacher = Policy.load(families.folder(tmp_path / "two", "qwen2"), families.CPU)
    size = student.network.config.vocab_size
    teacher.network.resize_token_embeddings(size + 64, mean_resizing=False)
    rows = collate.completions(SAID, student.template)
    found = over_vocabulary([student, teacher], rows, forward_kl, size)
    assert found.abs().max().item() < 1e-6
    with pytest.raises(RuntimeError):
        over_vocabulary([student, teacher], rows, forward_kl)


def test_t8_adapters_learn_from_a_teacher(tmp_path: Path) -> None:
    """Only they get a gradient, and it is not nothing."""
    pytest.importorskip("peft")
    student = Policy.load(families.folder(tmp_path / "one", "qwen3"), families.CPU, adapter=2)
    teacher = Policy.load(families.folder(tmp_path / "two", "qwen3", seed=3), families.CPU)
    teacher.network.requires_grad_(False)
    rows = collate.completions(SAID, student.template)
    over_vocabulary([student, teacher], rows, forward_kl).sum().backward()
    told = {name: p.grad for name, p in student.network.named_parameters() if p.grad is not None}
    assert told and all("lora" in name for name in told)
    assert max(float(gradient.abs().max()) for gradient in told.values()) > 1e-4
