"""Saved folders as other tools read them: where an answer ends, what pads, and what no folder can be made of."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GenerationConfig,
    GraniteConfig,
)

from concord.batches import pack
from concord.errors import ModelError
from concord.models import Policy, RewardModel, folder
from concord.records import Completion

torch.set_num_threads(1)


def widened(path: Path, family: str, **tokens: str) -> Any:
    """A folder whose tokenizer got more tokens than its network knows; returns the tokenizer."""
    families.folder(path, family)
    words = families.tokenizer(families.FAMILIES[family][0])
    words.add_special_tokens(tokens)
    words.save_pretrained(str(path))
    return words


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_padding_that_the_network_does_not_know_stays_out_of_the_config(family: str, tmp_path: Path) -> None:
    """A token for padding is often added without another row in the embedding, which no text needs."""
    words = widened(tmp_path / "base", family, pad_token="[PAD]")
    policy = Policy.load(tmp_path / "base", families.CPU)
    assert words.pad_token_id == folder.vocabulary(policy.network)
    policy.save(tmp_path / "saved")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "saved").config.pad_token_id is None
    again = Policy.load(tmp_path / "saved", families.CPU)
    RewardModel.load(tmp_path / "saved", families.CPU).save(tmp_path / "scores")
    assert RewardModel.learned(tmp_path / "scores", families.CPU).template.same_ids(again.template)


def test_a_template_that_writes_what_the_network_does_not_know_is_refused(tmp_path: Path) -> None:
    words = widened(tmp_path / "base", "llama", sep_token="<turn>")
    words.chat_template = "<turn>" + words.chat_template
    words.save_pretrained(str(tmp_path / "base"))
    known = len(words) - 1
    for load in (Policy.load, RewardModel.load):
        with pytest.raises(ModelError, match=rf"writes the token {known} \('<turn>'\).*knows {known} tokens"):
            load(tmp_path / "base", families.CPU)


def test_what_ends_an_answer_is_told_to_other_tools(tmp_path: Path) -> None:
    """The base's own end is not the one that its template writes, as with many base models."""
    words = families.tokenizer("chatml", eos_token="<|endoftext|>")
    network = families.network("qwen2", len(words))
    network.generation_config = GenerationConfig(eos_token_id=words.eos_token_id)
    network.save_pretrained(str(tmp_path / "base"))
    words.save_pretrained(str(tmp_path / "base"))
    policy = Policy.load(tmp_path / "base", families.CPU)
    policy.save(tmp_path / "saved")
    ends = sorted(words.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"]))
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "saved").generation_config.eos_token_id == ends
    assert Policy.load(tmp_path / "saved", families.CPU).template.stops == policy.template.stops


def scored(path: Path, family: str) -> tuple[Any, list[list[int]], torch.Tensor]:
    """A saved reward model as a library reads it, two rows of unlike length, and what ours says of them."""
    model = RewardModel.load(families.folder(path / "base", family), families.CPU)
    torch.nn.init.normal_(model.network.get_parameter("score.weight"), std=0.5)
    model.save(path / "saved")
    texts = ("yes", "the sea was calm")
    said = [Completion(families.asked("hello"), text, finish="stop") for text in texts]
    rows = model.template.completions(said)
    with torch.no_grad():
        ours = model.scores(pack(rows))
    plain = AutoModelForSequenceClassification.from_pretrained(path / "saved").eval()
    return plain, [row.tokens for row in rows], ours


def test_a_classifier_elsewhere_reads_the_same_scores(tmp_path: Path) -> None:
    plain, rows, ours = scored(tmp_path, "qwen3")
    longest = max(map(len, rows))
    pad = plain.config.pad_token_id
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    with torch.no_grad():
        found = plain(input_ids=ids, attention_mask=(ids != pad).long()).logits[:, 0]
    torch.testing.assert_close(found, ours, rtol=0, atol=1e-5)


def test_where_padding_is_the_end_token_a_classifier_elsewhere_reads_row_by_row(tmp_path: Path) -> None:
    """GPT-2 pads with its end token; a library that skips padding would read the token before the end."""
    plain, rows, ours = scored(tmp_path, "gpt2")
    with torch.no_grad():
        found = torch.cat([plain(input_ids=torch.tensor([row])).logits[:, 0] for row in rows])
    torch.testing.assert_close(found, ours, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="padding token"):
        plain(input_ids=torch.tensor([rows[0], rows[0]]))


def test_a_family_without_classifiers_is_named(tmp_path: Path) -> None:
    words = families.tokenizer("chatml")
    asked = {**families.SMALL, **families.HEADS, "vocab_size": len(words), "pad_token_id": None}
    AutoModelForCausalLM.from_config(GraniteConfig(**asked)).save_pretrained(str(tmp_path))
    words.save_pretrained(str(tmp_path))
    Policy.load(tmp_path, families.CPU)
    with pytest.raises(
        ModelError, match=r"family granite, of which .* no classifier .*Begin with a model of another family"
    ):
        RewardModel.load(tmp_path, families.CPU)
