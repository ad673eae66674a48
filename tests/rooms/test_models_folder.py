"""Model folders are read with suspicion: whatever is wrong is a ModelError that names the folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.rooms import families

from concord.errors import ModelError
from concord.models import folder

torch.set_num_threads(1)

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("sound") / "llama", "llama")


def config(**changes: Any) -> Spoil:
    def spoil(path: Path) -> None:
        asked = json.loads((path / "config.json").read_text(encoding="utf-8"))
        (path / "config.json").write_text(json.dumps(asked | changes), encoding="utf-8")

    return spoil


def written(name: str, text: str) -> Spoil:
    return lambda path: (path / name).write_text(text, encoding="utf-8") and None


def without(*names: str) -> Spoil:
    return lambda path: [(path / name).unlink() for name in names] and None


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def spoil(path: Path) -> None:
        tensors = load_file(path / "model.safetensors")
        change(tensors)
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})

    return spoil


UP = "model.layers.0.mlp.up_proj.weight"


def cut_short(path: Path) -> None:
    (path / "model.safetensors").write_bytes((path / "model.safetensors").read_bytes()[:3000])


def pickled(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


NETWORK: dict[str, tuple[Spoil, str]] = {
    "no config": (without("config.json"), "no config.json"),
    "config is not JSON": (written("config.json", "{nonsense"), "is not JSON"),
    "config is a list": (written("config.json", "[]"), "not a JSON object"),
    "config is a number": (written("config.json", "3"), "not a JSON object"),
    "config is empty": (written("config.json", "{}"), "cannot be loaded"),
    "unknown family": (config(model_type="nonsense"), "cannot be loaded"),
    "not a language model of this kind": (config(model_type="bert"), "lacks weights|cannot be loaded"),
    "no heads": (config(num_attention_heads=0), "cannot be loaded"),
    "width is a word": (config(hidden_size="wide"), "cannot be loaded"),
    "other width": (config(hidden_size=64), "cannot be loaded|lacks weights"),
    "other vocabulary": (config(vocab_size=10), "cannot be loaded|lacks weights"),
    "code in the config": (config(auto_map={"AutoConfig": "mine.Mine"}), "auto_map"),
    "attention from elsewhere": (
        config(_attn_implementation_internal="a/b"),
        "_attn_implementation_internal",
    ),
    "code beside the weights": (written("modeling_mine.py", "1 / 0"), "Python files"),
    "adapter that points elsewhere": (
        written("adapter_config.json", json.dumps({"peft_type": "LORA", "base_model_name_or_path": "/"})),
        "adapter",
    ),
    "pickled weights": (pickled, "no .safetensors"),
    "no weights": (without("model.safetensors"), "no .safetensors"),
    "weights are not safetensors": (written("model.safetensors", "garbage"), "cannot be loaded"),
    "weights cut short": (cut_short, "cannot be loaded"),
    "missing tensor": (weights(lambda tensors: tensors.pop(UP)), f"lacks weights.*{UP}"),
    "NaN": (weights(lambda tensors: tensors[UP][0].fill_(float("nan"))), f"{UP} holds NaN"),
    "infinity": (weights(lambda tensors: tensors[UP][0].fill_(float("inf"))), f"{UP} holds NaN or infinity"),
}
WORDS: dict[str, tuple[Spoil, str]] = {
    "no tokenizer": (without("tokenizer.json", "tokenizer_config.json"), "no tokenizer"),
    "tokenizer is not JSON": (written("tokenizer.json", "{"), "no tokenizer"),
    "tokenizer is empty": (written("tokenizer.json", "{}"), "no tokenizer"),
    "tokenizer settings are a list": (written("tokenizer_config.json", "[]"), "no tokenizer"),
    "template that is none": (written("chat_template.jinja", "{% for %}"), "chat template"),
    "stops are not JSON": (written("generation_config.json", "{"), "generation_config.json cannot be read"),
    "stops are words": (
        written("generation_config.json", '{"eos_token_id": "x"}'),
        "generation_config.json cannot",
    ),
}


@pytest.mark.parametrize("scoring", [False, True])
@pytest.mark.parametrize("case", NETWORK)
def test_a_bad_network_is_refused(case: str, scoring: bool, sound: Path, tmp_path: Path) -> None:
    """S13: nothing foreign runs, nothing missing is made up, and the message names the folder."""
    path = tmp_path / "hostile"
    shutil.copytree(sound, path)
    spoil, words = NETWORK[case]
    spoil(path)
    with pytest.raises(ModelError, match=words) as caught:
        folder.load(path, families.CPU, scoring)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", WORDS)
def test_a_bad_tokenizer_is_refused(case: str, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    shutil.copytree(sound, path)
    spoil, words = WORDS[case]
    spoil(path)
    with pytest.raises(ModelError, match=words) as caught:
        folder.template(path)
    assert str(path) in str(caught.value)


def test_what_is_not_a_folder_is_refused(sound: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", sound / "config.json"):
        with pytest.raises(ModelError, match=f"{path} is not a folder"):
            folder.load(path, families.CPU)


def test_a_sound_folder_is_not_refused(sound: Path) -> None:
    """The refusals above are about what was spoiled."""
    network = folder.load(sound, families.CPU)
    assert folder.context(network) == families.CONTEXT
    assert not network.training
    assert folder.template(sound).stops.tokens


@pytest.mark.parametrize("family", families.FAMILIES)
def test_context_is_known_for_every_family(family: str, tmp_path: Path) -> None:
    assert folder.context(families.network(family, 300)) == families.CONTEXT
