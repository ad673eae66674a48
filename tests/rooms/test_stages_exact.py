"""`concord doctor --exact`: sound models pass, and each broken one fails at the check that names its fault."""

import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.rooms import families

from concord.cli.main import main
from concord.errors import ModelError
from concord.models import Policy
from concord.models.exactness import Check, Reading, rendering
from concord.sampling.anew import Anew, remembers
from concord.sampling.decoder import decoder
from concord.stages.exact import measure, remembered

torch.set_num_threads(1)

STATES = {
    "mamba": (
        "llama3",
        transformers.MambaConfig,
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    ),
    "recurrent gemma": (
        "llama3",
        transformers.RecurrentGemmaConfig,
        {
            **families.SMALL,
            **families.HEADS,
            **families.LOUD,
            "num_hidden_layers": 3,
            "lru_width": 32,
            "attention_window_size": 12,
        },
    ),
}
"""Families whose memory is a state."""
READING = ["alone", "padded right", "padded left", "packed", "batch of 2", "batch of 3", "prompts shared"]
TEXT = ["text round trip", "spans", "terminator", "one beginning", "every turn"]
SPEAKING = ["cached", "sampler 1", "sampler 0.7"]
LEARNING = ["loss, cut", "gradient, cut", "rate 0"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A family's folder, made once."""
    found: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in found:
            place = tmp_path_factory.mktemp("exact") / family.replace(" ", "-")
            if family in STATES:
                families.FAMILIES[family] = STATES[family]
            found[family] = families.folder(place, family)
        return found[family]

    return make


def failed(checks: list[Check]) -> list[str]:
    return [one.name for one in checks if one.verdict == "fail"]


def sound(folder: Path) -> None:
    about, checks = measure(Policy.load(folder, families.CPU))
    assert [one.name for one in checks] == [*TEXT, *READING, *SPEAKING, *LEARNING]
    assert not failed(checks), [(one.name, one.worst, one.fault) for one in checks]
    assert {one.name: one.worst for one in checks}["rate 0"] == 0
    # rounding shows in what is read together; were nothing measured, all would be 0
    assert any(0 < float(one.worst or 0) < one.allowed for one in checks if one.name in READING)
    assert about["precision"] == "float32" and min(about["rows"]) < max(about["rows"])


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_sound_models_pass(family: str, made: Any) -> None:
    """T13, pains 10 to 13: however rows are padded, packed, cut, cached or sampled, tokens are as likely."""
    sound(made(family))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["qwen3", "gemma", "mistral", "mamba", "gemma2", "mixtral"])
def test_sound_models_of_other_families_pass(family: str, made: Any) -> None:
    sound(made(family))


@pytest.mark.slow
def test_the_bundled_model_passes(capsys: pytest.CaptureFixture[str]) -> None:
    from concord import models

    folder = Path(models.__file__).parent / "starter_model"
    assert main(["doctor", "--exact", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "18 checks, none fails." in told and told.count("\npass") == 18
    assert main(["doctor", "--exact", str(folder), "--precision", "bfloat16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["exact"]
    assert found["precision"] == "bfloat16" and found["failed"] == []


def broken(folder: Path, mishears: Any) -> Policy:
    """A policy whose network does not hear rightly what it is told besides the tokens."""
    policy = Policy.load(folder, families.CPU)
    inner = policy.network.forward

    def forward(**given: Any) -> Any:
        return inner(**mishears(given))

    forward.__signature__ = inspect.signature(inner)  # type: ignore[attr-defined]
    policy.network.forward = forward  # type: ignore[method-assign]
    return policy


def test_attention_that_reads_pads_fails(made: Any) -> None:
    """To it, everything is text: pads before a row are read as its beginning, those after it are never looked at."""

    def all_real(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "attention_mask": torch.ones_like(given["input_ids"])}

    checks = Reading(broken(made("gpt2"), all_real)).checks()
    assert failed(checks) == ["padded left"]
    assert next(one.worst for one in checks if one.name == "padded left") > 0.1


def test_positions_that_count_pads_fail(made: Any) -> None:
    """Places are counted from the first column, pads included."""

    def without_places(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "position_ids": None}

    assert failed(Reading(broken(made("gpt2"), without_places)).checks()) == ["padded left"]


@pytest.mark.slow
def test_a_pass_of_our_own_that_differs_fails(made: Any) -> None:
    """Another epsilon in one norm: whatever learning reads is off, the network itself is not."""
    policy = Policy.load(made("llama"), families.CPU)
    parts = policy.trunk.anatomy
    assert parts is not None
    policy.trunk.anatomy = replace(parts, last_norm=replace(parts.last_norm, eps=0.3))
    _, checks = measure(policy)
    wrong = failed(checks)
    assert wrong[:1] == ["alone"] and set(wrong) <= {*READING, *SPEAKING} - {"padded left", "padded right"}
    assert {"packed", "prompts shared", "sampler 1"} <= set(wrong) and "cached" not in wrong


@pytest.mark.slow
def test_a_sampler_that_forgets_fails(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory of the rows is shuffled: what it says is not what the policy would."""
    from concord.sampling import fused

    monkeypatch.setattr(fused.Fused, "keep", lambda self, rows: self.memory.keep([0] * len(rows)))
    _, checks = measure(Policy.load(made("llama"), families.CPU))
    assert "cached" in failed(checks) and not {*READING, *TEXT, *LEARNING} & set(failed(checks))


@pytest.mark.slow
def test_a_tokenizer_that_loses_text_is_an_error_of_the_command(
    made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lower case only: the command says which check, and its exit code is that of a model's error."""
    folder = tmp_path / "lower"
    shutil.copytree(made("gpt2"), folder)
    file = folder / "tokenizer.json"
    words = json.loads(file.read_text())
    words["normalizer"] = {"type": "Lowercase"}
    file.write_text(json.dumps(words))
    assert main(["doctor", "--exact", str(folder)]) == ModelError.exit_code
    told = capsys.readouterr().out
    assert (
        "fail  text round trip" in told
        and "'Hello! How are you?' comes back as 'hello! how are you?'" in told
    )
    assert told.rstrip().endswith("checks fail: text round trip, spans, every turn.")


def test_text_that_becomes_control_fails(made: Any) -> None:
    policy = Policy.load(made("qwen3"), families.CPU)
    policy.template.encode = lambda text: policy.template.tokenizer(text)["input_ids"]  # type: ignore[method-assign]
    found = {one.name: one for one in rendering(policy.template)}
    assert found["text round trip"].verdict == "fail"
    assert "becomes a control token" in found["text round trip"].fault


def test_a_template_that_rewrites_turns_is_told_and_not_failed(made: Any) -> None:
    """Earlier turns cannot be learned in one pass there; the setting to choose is named."""
    policy = Policy.load(made("qwen3"), families.CPU)
    policy.template.tokenizer.chat_template = families.CHATML.replace(
        "{{ message['content'] }}",
        "{% if message['role'] == 'assistant' and loop.last %}!{% endif %}{{ message['content'] }}",
    )
    found = {one.name: one for one in rendering(policy.template)}
    assert found["every turn"].verdict == "skipped" and "sft.turns" in found["every turn"].skipped


def test_what_is_no_number_is_not_within(made: Any) -> None:
    """A network that finds nan fails where it is read, and the object for machines can still be written."""
    policy = Policy.load(made("gpt2"), families.CPU)
    with torch.no_grad():
        policy.network.transformer.wpe.weight[40:] = float("nan")
    _, checks = measure(policy)
    assert {"alone", "packed", "cached"} <= set(failed(checks)) and not set(TEXT) & set(failed(checks))
    assert all(one.worst is None for one in checks if one.name in ("alone", "cached", "loss, cut"))
    assert any("no number" in one.fault for one in checks)
    assert Check("a", "", float("nan"), 1.0).verdict == "fail"
    assert Check("a", "", None, 1.0).verdict == "fail"
    assert Check("a", "", 1.0, 1.0).verdict == "pass" and Check("a", "", 1.1, 1.0).verdict == "fail"


@torch.no_grad()
def test_the_decoder_is_tried_in_the_precision_in_which_answers_are_made(made: Any) -> None:
    """A policy that learns in bfloat16 on a processor answers in float32, to the bit as one that learns in it."""
    policy = Policy.load(made("llama"), families.CPU)
    rows = Reading(policy).rows
    exact = remembered(policy, rows)
    policy.compute = replace(families.CPU, dtype=torch.bfloat16)
    assert all(map(torch.equal, remembered(policy, rows), exact)) and len(exact) == len(rows)


@torch.inference_mode()
def test_rows_read_anew_are_read_in_the_precision_of_answers(made: Any) -> None:
    """Rounded products give other logits, near ones."""
    policy, half = Policy.load(made("gpt2"), families.CPU), replace(families.CPU, dtype=torch.bfloat16)
    exact, rounded = (
        Anew(policy.network, one).admit([(3, 4, 5, 6)], [2]).float() for one in (families.CPU, half)
    )
    assert 0 < float((exact - rounded).abs().max()) < 0.1 * float(exact.abs().max())


@pytest.mark.slow
def test_states_that_take_in_pads_are_not_remembered(made: Any) -> None:
    """Mamba's memory serves rows side by side, RecurrentGemma's does not: its rows are read anew, and exactly."""
    for family, expected in (("mamba", True), ("recurrent gemma", False)):
        policy = Policy.load(made(family), families.CPU)
        assert remembers(policy.network, families.CPU) is expected
        assert isinstance(decoder(policy.network, families.CPU), Anew) is not expected
        _, checks = measure(policy)
        # the network itself reads pads that come first; nothing here gives it any
        assert failed(checks) == ([] if expected else ["padded left"])
