"""The peer's side for online methods: GRPO of TRL 1.16, PPO of TRL 1.12. Runs in the peer's own environment."""

import os
from typing import Any

from benchmarks.rows import END, LONGEST_COMPLETION
from benchmarks.spec import Spec
from benchmarks.trl_fixed import EPOCHS, arguments, loading, pausing
from benchmarks.turns import Turns

UPDATES, PASSES = 2, 2
"""Optimiser steps in a pass over a round's completions, and PPO's passes."""
PRICE = 0.05
"""Of a nat of drift from the reference."""


def grpo(spec: Spec, turns: Turns) -> None:
    """GRPOTrainer: a round of sampling, then two optimiser steps; a reward model scores."""
    from datasets import Dataset  # type: ignore[import-not-found]
    from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

    said = spec.count * spec.completions
    updates = 1 if spec.check else UPDATES
    each = said if spec.check else int(spec.options["each"])
    given = arguments(spec)
    given |= {
        "per_device_train_batch_size": each,
        "gradient_accumulation_steps": said // updates // each,
        "generation_batch_size": said,
        "num_generations": spec.completions,
        "max_completion_length": LONGEST_COMPLETION + 1 if spec.check else spec.new,
        "temperature": 1.0,
        "beta": 0.0 if spec.check else PRICE,
        "model_init_kwargs": loading(spec),
    }
    data = Dataset.from_dict({"prompt": [[{"role": "user", "content": row.words}] for row in spec.rows()]})
    trainer = GRPOTrainer(
        str(spec.folder / "policy"),
        str(spec.folder / "reward"),
        args=GRPOConfig(**given),
        train_dataset=data,
        **({"rollout_func": given_rollout(spec)} if spec.check else {}),
    )
    turns.steps = updates
    trainer.add_callback(pausing(turns, spec, by_epoch=False))
    trainer.train()


def given_rollout(spec: Spec) -> Any:
    """The completions that stand in the rows, so that both sides learn from the same."""
    rows = {row.words: row for row in spec.rows()}

    def say(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        asked = [rows[prompt[-1]["content"]] for prompt in prompts]
        left = {words: list(row.completions) for words, row in rows.items()}
        said = [left[row.words].pop(0) for row in asked]
        return {"prompt_ids": [row.prompt for row in asked], "completion_ids": said, "logprobs": None}

    return say


def ppo(spec: Spec, turns: Turns) -> None:
    """PPOTrainer: a round of sampling, then passes over it in minibatches; four networks."""
    if spec.precision == "bfloat16" and spec.options.get("half"):
        os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16"  # this trainer's Accelerator asks nobody else
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl.experimental.ppo import PPOConfig, PPOTrainer  # type: ignore[import-not-found]

    said = spec.count * spec.completions
    given = arguments(spec)
    given |= {
        "per_device_train_batch_size": said,
        "gradient_accumulation_steps": 1,
        "num_mini_batches": UPDATES,
        "num_ppo_epochs": PASSES,
        "total_episodes": said * EPOCHS,
        "response_length": spec.new,
        "stop_token_id": END,
        "temperature": 1.0,
        "kl_coef": PRICE,
        "num_sample_generations": 0,
        "local_rollout_forward_batch_size": int(spec.options["each"]),
    }
    given.pop("num_train_epochs")
    words = AutoTokenizer.from_pretrained(str(spec.folder / "policy"), padding_side="left")
    data = Dataset.from_dict(
        {"input_ids": [row.prompt for row in spec.rows() for _ in range(spec.completions)]}
    )
    networks = {name: network(spec, kind) for name, kind in ROLES.items()}
    trainer = PPOTrainer(args=PPOConfig(**given), processing_class=words, train_dataset=data, **networks)
    trainer.add_callback(pausing(turns, spec, by_epoch=False))
    trainer.train()


ROLES = {"model": "policy", "ref_model": "policy", "reward_model": "reward", "value_model": "reward"}
"""PPO's four networks, and the folder that each begins as."""


def network(spec: Spec, kind: str) -> Any:
    """One of them, in float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    family = AutoModelForCausalLM if kind == "policy" else AutoModelForSequenceClassification
    return family.from_pretrained(str(spec.folder / kind), dtype=torch.float32, **loading(spec))
