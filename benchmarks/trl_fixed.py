"""The peer's side for fixed data: SFT, reward and DPO of TRL. Runs in the peer's own environment."""

from typing import Any

from benchmarks.rows import Row, text
from benchmarks.spec import Spec
from benchmarks.turns import Turns

EPOCHS = 100_000
"""Never reached: the one who measures says when it is enough."""


def run(spec: Spec, turns: Turns) -> None:
    """Train until told to end; a turn is one epoch over the rows."""
    trainer = {"sft": sft, "reward": reward, "reward-list": reward, "dpo": dpo}[spec.stage](spec)
    trainer.add_callback(pausing(turns, spec, by_epoch=True))
    trainer.train()


def sft(spec: Spec) -> Any:
    """SFTTrainer on ready tokens and labels."""
    from datasets import Dataset  # type: ignore[import-not-found]
    from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found]

    rows = [(row.prompt, row.completions[0]) for row in spec.rows()]
    data = Dataset.from_dict(
        {
            "input_ids": [prompt + said for prompt, said in rows],
            "labels": [[-100] * len(prompt) + said for prompt, said in rows],
        }
    )
    more = {"packing": True, "max_length": spec.options["packed"]} if "packed" in spec.options else {}
    args = SFTConfig(**arguments(spec), model_init_kwargs=loading(spec), **more)
    return SFTTrainer(str(spec.folder / "policy"), args, train_dataset=data)


def reward(spec: Spec) -> Any:
    """RewardTrainer on ready tokens; a list of several is read as all of its pairs."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    rows = [(row.prompt, better, worse) for row in spec.rows() for better, worse in pairs(row)]
    data = Dataset.from_dict(
        {
            "chosen_ids": [prompt + better for prompt, better, _ in rows],
            "rejected_ids": [prompt + worse for prompt, _, worse in rows],
        }
    )
    args = RewardConfig(**arguments(spec), model_init_kwargs=loading(spec))
    return RewardTrainer(str(spec.folder / "reward"), args, train_dataset=data)


def dpo(spec: Spec) -> Any:
    """DPOTrainer, which tokenises before it trains; the reference's log-probabilities beforehand if asked."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    rows = [(row.prompt, better, worse) for row in spec.rows() for better, worse in pairs(row)]
    data = Dataset.from_dict(
        {
            "prompt": [text(prompt) for prompt, _, _ in rows],
            "chosen": [f" {text(better)}" for _, better, _ in rows],
            "rejected": [f" {text(worse)}" for _, _, worse in rows],
        }
    )
    args = DPOConfig(
        **arguments(spec),
        model_init_kwargs=loading(spec),
        beta=0.1,
        precompute_ref_log_probs=bool(spec.options.get("reference_beforehand")),
    )
    return DPOTrainer(str(spec.folder / "policy"), args=args, train_dataset=data)


def pairs(row: Row) -> list[tuple[list[int], list[int]]]:
    """Every better completion beside every worse one."""
    told = row.completions
    return [(told[one], told[two]) for one in range(len(told)) for two in range(one + 1, len(told))]


def arguments(spec: Spec) -> dict[str, Any]:
    """What every trainer is told: the peer's defaults, but for what the comparison itself fixes."""
    each = int(spec.options["each"])
    return {
        "output_dir": str(spec.scratch),
        "per_device_train_batch_size": each,
        "gradient_accumulation_steps": int(spec.options["step"]) // each,
        "gradient_checkpointing": bool(spec.options.get("checkpointing", True)),
        "train_sampling_strategy": spec.options.get("sampling", "random"),
        "bf16": spec.precision == "bfloat16",
        "use_cpu": True,
        "learning_rate": spec.rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "num_train_epochs": EPOCHS,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "seed": 0,
        **({"logging_steps": 1} if spec.check else {}),
    }


def loading(spec: Spec) -> dict[str, Any]:
    """Which attention the peer computes by; its own default if nothing is asked."""
    return {"attn_implementation": spec.options["attention"]} if "attention" in spec.options else {}


def pausing(turns: Turns, spec: Spec, by_epoch: bool) -> Any:
    """A callback that lets the trainer work in turns and tells its losses."""
    from transformers import TrainerCallback

    class Pausing(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            turns.ready()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if spec.check and "loss" in logs:
                turns.told.update({ours: logs[theirs] for theirs, ours in TOLD.items() if theirs in logs})
                if not by_epoch:
                    turns.step()

        def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if by_epoch:
                turns.step()

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if not by_epoch and not spec.check:  # a step's losses are told after its end
                turns.step()

    return Pausing()


TOLD = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "logps/chosen": "better_logprob",
    "logps/rejected": "worse_logprob",
}
"""What a log line calls it, and what it is called here."""
