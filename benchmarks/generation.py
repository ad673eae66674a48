"""The peer's side for rollouts: Hugging Face generate, or CTranslate2. Runs in the peer's own environment."""

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.rows import END, PAD, SPECIAL
from benchmarks.spec import Spec
from benchmarks.turns import Turns


def run(spec: Spec, turns: Turns) -> None:
    """Answer the prompts, turn after turn."""
    if spec.check:
        return likelihood(spec, turns)
    speak = ctranslate2(spec) if spec.options.get("engine") == "ctranslate2" else generate(spec)
    turns.ready()
    while True:
        said = speak()
        turns.told["tokens"] = float(sum(length(row) for row in said))
        turns.done()


def length(said: list[int]) -> int:
    """Tokens up to the end token, that one included."""
    return said.index(END) + 1 if END in said else len(said)


def network(spec: Spec) -> Any:
    """The policy in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    more = {"attn_implementation": spec.options["attention"]} if "attention" in spec.options else {}
    kind = torch.bfloat16 if spec.precision == "bfloat16" else torch.float32
    return AutoModelForCausalLM.from_pretrained(str(spec.folder / "policy"), dtype=kind, **more).eval()


def generate(spec: Spec) -> Any:
    """`generate` on prompts padded on the left, several samples of each."""
    import torch
    from transformers import GenerationConfig

    model, rows = network(spec), spec.rows()
    width = max(len(row.prompt) for row in rows)
    ids = torch.tensor([[PAD] * (width - len(row.prompt)) + row.prompt for row in rows])
    mask = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows])
    config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=spec.new,
        num_return_sequences=spec.completions,
        pad_token_id=PAD,
        eos_token_id=END,
        **({"cache_implementation": spec.options["cache"]} if "cache" in spec.options else {}),
    )

    @torch.inference_mode()  # type: ignore[untyped-decorator,unused-ignore]
    def speak() -> list[list[int]]:
        found: list[list[int]] = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[
            :, width:
        ].tolist()
        return found

    return speak


def ctranslate2(spec: Spec) -> Any:
    """CTranslate2's generator in float32, several samples of each prompt."""
    import ctranslate2 as engine  # type: ignore[import-not-found]
    from transformers import AutoTokenizer

    made = Path(spec.root) / "models" / spec.model / "ctranslate2"
    source = str(spec.folder / "policy")
    if not (made / "model.bin").exists():
        engine.converters.TransformersConverter(source).convert(str(made), force=True)
        facts = json.loads((made / "config.json").read_text(encoding="utf-8"))
        facts["bos_token"] = facts["bos_token"] or SPECIAL[END]  # these models have none, and it insists
        (made / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    words = AutoTokenizer.from_pretrained(source)
    prompts = [words.convert_ids_to_tokens(row.prompt) for row in spec.rows()]
    generator = engine.Generator(str(made), device="cpu", compute_type="float32", intra_threads=spec.threads)

    def speak() -> list[list[int]]:
        found = generator.generate_batch(
            prompts,
            max_length=spec.new,
            sampling_topk=0,
            sampling_temperature=1.0,
            include_prompt_in_result=False,
            max_batch_size=0,
            num_hypotheses=spec.completions,  # reads a prompt once: a tenth faster than one request a sample
        )
        return [list(said) for one in found for said in one.sequences_ids]

    return speak


def likelihood(spec: Spec, turns: Turns) -> None:
    """How surprising given completions are to the unmodified network, by its own full forward pass."""
    model = network(spec)
    order = turns.ready()
    while True:
        found = [value for prompt, said in order.get("said", []) for value in logprobs(model, prompt, said)]
        turns.told["loss"] = -math.fsum(found) / len(found) if found else math.nan
        order = turns.done()


def logprobs(model: Any, prompt: list[int], said: list[int]) -> list[float]:
    """Each said token's log-probability, by a full forward pass of the unmodified network."""
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + said])).logits[0].double()
    spread = logits.log_softmax(-1)[len(prompt) - 1 : -1]
    found: list[float] = spread.gather(-1, torch.tensor(said)[:, None])[:, 0].tolist()
    return found
