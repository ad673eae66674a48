"""Model folders: loaded with suspicion, saved so that any Hugging Face tool can read them."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from concord.batches import Template
from concord.errors import ModelError
from concord.models.compute import Compute
from concord.records import Message
from concord.records.files import storing

FORBIDDEN = ("auto_map", "_attn_implementation", "_attn_implementation_internal")


def check(folder: Path) -> dict[str, Any]:
    """The folder's config, if it is a model folder that can be loaded without running foreign code."""
    if not folder.is_dir():
        raise ModelError(
            f"{folder} is not a folder. Give the path of a Hugging Face model folder, or `starter` for the bundled one."
        )
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} holds no config.json, so it is not a Hugging Face model folder. Give the folder that holds one."
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Fetch the model again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} is not a JSON object. Fetch the model again.")
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{folder} holds an adapter, which would load weights from wherever its adapter_config.json says. "
            "Merge it into its model and give that folder."
        )
    for key in FORBIDDEN:
        if key in config:
            raise ModelError(
                f"{path} sets `{key}`, which can run code of the model's author. Remove it to load the plain "
                "architecture."
            )
    if any(folder.glob("*.py")):
        raise ModelError(
            f"{folder} holds Python files. Concord never runs code from a model folder: remove them."
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no .safetensors weights. Convert the model first; pickled weights are refused."
        )
    return config


OTHER_HEADS = ("ctrl", "modernbert-decoder")
"""Families whose classifiers have heads of another kind, or lie about how they are called."""
ALONE = ("overall",)
"""The heads of a network that gives one number."""


def load(folder: Path, compute: Compute, scoring: bool = False, heads: Sequence[str] = ALONE) -> nn.Module:
    """The network in a folder, in float32; with `scoring`, under a head that gives a number for each name."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what it would warn of is checked below, and is an error
    refuse_unreadable(folder, scoring)
    family = AutoModelForSequenceClassification if scoring else AutoModelForCausalLM
    extra: dict[str, Any] = {"num_labels": len(heads)} if scoring else {}
    if scoring and len(heads) > 1:
        extra = {"id2label": dict(enumerate(heads)), "label2id": {name: n for n, name in enumerate(heads)}}
    try:
        network, info = family.from_pretrained(
            str(folder),
            dtype=torch.float32,
            attn_implementation=compute.attention,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **extra,
        )
    except Exception as error:  # a damaged folder can make the libraries raise anything
        raise ModelError(
            f"{folder} cannot be loaded: {said(error)}. Fetch or copy the model again."
        ) from error
    new_head = {name for name in info["missing_keys"] if name.startswith("score.")} if scoring else set()
    missing = sorted(set(info["missing_keys"]) - new_head)
    if missing or info["mismatched_keys"]:
        named = ", ".join(map(str, missing[:3])) or info["mismatched_keys"]
        raise ModelError(
            f"{folder} lacks weights that its config asks for: {named}. "
            "They would be random; fetch the model again."
        )
    for name, tensor in network.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{folder}: the weight {name} holds NaN or infinity. Fetch the model again.")
    for name in new_head:
        nn.init.zeros_(network.get_parameter(name))
    # Masks say what is padding here: a token that also serves as padding elsewhere learns like any other.
    network.get_input_embeddings().padding_idx = None
    result: nn.Module = network.to(compute.device).eval()
    return result


def refuse_unreadable(folder: Path, scoring: bool) -> None:
    """Refuse a folder that the libraries would refuse in other words, or would not."""
    check(folder)
    for file in folder.glob("*.safetensors"):
        with storing(file), file.open("rb"):
            pass  # the libraries say of a file without rights that it is not there
    if scoring and (why := unscored(folder)):
        raise ModelError(why)


def unscored(folder: Path) -> str:
    """Why no reward model can be made of this folder's family; nothing if one can."""
    from transformers.models.auto import modeling_auto

    family = str(check(folder).get("model_type"))
    speaks = (
        family in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    )  # of others the loading says what is wrong
    judges = family in modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    if not speaks or (judges and family not in OTHER_HEADS):
        return ""
    return (
        f"{folder} is of the family {family}, of which transformers makes no classifier with one layer for a head, as "
        "a reward model is, and every recipe learns one. Begin with a model of another family."
    )


def scores(folder: Path) -> bool:
    """Whether a model was saved with a head that gives numbers."""
    kinds = check(folder).get("architectures") or ()
    return any(str(name).endswith("ForSequenceClassification") for name in kinds)


def heads(folder: Path) -> tuple[str, ...]:
    """The names of the numbers that a saved reward model gives; one name for any other model."""
    names = check(folder).get("id2label") or {}
    if not scores(folder) or len(names) < 2:
        return ALONE
    return tuple(str(name) for _, name in sorted(names.items(), key=lambda item: int(item[0])))


def template(folder: Path) -> Template:
    """The folder's tokenizer, chat template and stop tokens."""
    from transformers import AutoTokenizer, GenerationConfig

    check(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:  # a damaged folder can make the libraries raise anything
        raise ModelError(f"{folder} has no tokenizer that can be read: {said(error)}") from error
    stops: list[int] = []
    path = folder / "generation_config.json"
    if path.is_file():
        try:
            found = GenerationConfig.from_pretrained(str(folder), local_files_only=True).eos_token_id
            stops = [
                int(token) for token in (found if isinstance(found, list) else [found]) if token is not None
            ]
        except Exception as error:
            raise ModelError(f"{path} cannot be read: {said(error)}. Fetch the model again.") from error
    return Template(tokenizer, stops)


def template_for(network: Any, folder: Path) -> Template:
    """The folder's template, if the network knows every token that it writes."""
    found = template(folder)
    most = max(found.stops.end, *found.dialogue([Message("user", "a")]))
    if most >= vocabulary(network):
        raise ModelError(
            f"{folder}: its chat template writes the token {most} ({found.tokenizer.decode([most])!r}), but its "
            f"network knows {vocabulary(network):,} tokens. Make room for it (`resize_token_embeddings` of "
            "transformers), or use the tokenizer that the network learned with."
        )
    return found


def vocabulary(network: Any) -> int:
    """How many tokens a network knows."""
    return int(network.get_input_embeddings().weight.shape[0])


def said(error: Exception) -> str:
    """The first line of what a library complains of, or at least the complaint's name."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def save(network: nn.Module, template: Template, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """A plain Hugging Face folder: config, safetensors, tokenizer and chat template."""
    with storing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        told_outside(network, template)
        once: dict[object, torch.Tensor] = {}  # tied weights stay one tensor, and are saved once
        state = {
            name: once.setdefault((tensor.data_ptr(), tensor.shape), tensor.to(dtype))
            for name, tensor in network.state_dict().items()
        }
        network.save_pretrained(str(folder), state_dict=state)  # type: ignore[operator]
        template.tokenizer.save_pretrained(str(folder))


def told_outside(network: Any, template: Template) -> None:
    """Write into a network's config what other tools need to know of padding, and of where an answer ends."""
    pad = template.tokenizer.pad_token_id
    if pad is not None:
        # A classifier elsewhere reads the last token that is no padding, and ours reads the end token. Where both
        # are one, it is told of no padding: then it reads one row at a time, or says that it cannot.
        misread = hasattr(network, "score") and pad in template.stops.tokens
        network.config.pad_token_id = None if pad >= vocabulary(network) or misread else pad
    asked = getattr(network, "generation_config", None)
    if asked is not None:
        ends = sorted(template.stops.tokens)
        asked.eos_token_id = ends if len(ends) > 1 else ends[0]


def weights_digest(network: nn.Module) -> str:
    """A name for a network's weights, whatever folder they came from."""
    found = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        found.update(memoryview(plain.numpy()))
    return found.hexdigest()


def context(network: nn.Module) -> int:
    """How many tokens the network can read at once."""
    config = network.config
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        if getattr(config, name, None):
            return int(getattr(config, name))
    return 2**31
