"""What is longer than a context, and ids that are larger than a vocabulary has words."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families, methods
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from concord.algorithms import ALGORITHMS
from concord.algorithms.distillation import held
from concord.batches import Rendered, Template, collate
from concord.errors import RecordError
from concord.models import Policy
from concord.records import Completion, Demonstration, Ranking, Stream
from concord.settings import Distill
from concord.stages.align import fits

torch.set_num_threads(1)


def test_an_answer_is_held_by_the_students_context() -> None:
    row = Rendered([5, 6, 7, 8, 9], [False, False, True, True, True])
    assert held(row, 5, "p") == row
    assert held(row, 4, "p") == Rendered([5, 6, 7, 8], [False, False, True, True])
    with pytest.raises(RecordError, match=r"Prompt p has 2 tokens in the student's words.* its context of 2"):
        held(row, 2, "p")


def test_a_student_of_a_short_context_learns_from_a_teacher_of_a_long_one(tmp_path: Path) -> None:
    """GPT-2 has no place beyond its context, so a longer row would be an error."""
    bench: Any = methods.bench(families.folder(tmp_path / "gpt2", "gpt2"), 8192, reference=5)
    long = Policy.load(families.folder(tmp_path / "long", "gpt2", n_positions=200), families.CPU)
    bench.other = lambda name: long
    course = ALGORITHMS["distill"](Distill(teacher="long", longest=150, batch=8, epochs=1), bench)
    (step,) = list(course.feed)[:1]
    lengths = [len(row) for batch in step for row in batch.sequences.rows]
    assert max(lengths) == families.CONTEXT
    assert all(torch.isfinite(course.objective(batch).mean) for batch in step)
    assert any("the student's context of 96 tokens" in line for line in bench.said)


def test_rankings_that_a_policy_cannot_read_are_not_looked_at(tmp_path: Path) -> None:
    policy = Policy.load(families.folder(tmp_path / "gpt2", "gpt2"), families.CPU)
    asked = families.asked("hello")
    short, long = (Completion(asked, text, finish="stop") for text in ("yes", "no " * families.CONTEXT))
    assert fits(Ranking(asked, (short, short), ((0,), (1,))), policy)
    assert not fits(Ranking(asked, (short, long), ((0,), (1,))), policy)


def test_ids_with_gaps_are_stored_as_they_are(tmp_path: Path) -> None:
    """Eight words, of which one has an id that no 16 bits hold."""
    ids = {"<s>": 0, "</s>": 1, "<unk>": 2, "User": 3, "Assistant": 4, ":": 5, "a": 6, "b": 70_000}
    inner = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    template = Template(PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>", unk_token="<unk>"))
    records = [Demonstration(families.asked("a"), "b")]
    stream = Stream(lambda: iter(records), "some", tmp_path)
    (kept,) = collate.demonstrations(stream, template, 99, False, lambda line: None)
    assert kept.tokens[-2:] == [70_000, 1]
