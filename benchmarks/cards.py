"""A small reward model learned from nothing on any file of rankings, and its report card.

python -m benchmarks.cards FILE [--answers 1500] [--epochs 3] [--share 0.2] [--context 768] [--out FOLDER]

A byte-level BPE and a Llama of about a million random weights are made from the file's own text. Whole groups of
prompts are kept back; the model learns from the others, and `concord evaluate reward` draws up its card.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.active import Desk, learn
from benchmarks.side import ROOT
from concord import formats
from concord.algorithms import reward
from concord.batches import Template
from concord.evaluation.clusters import clustered
from concord.evaluation.reward_page import card_page
from concord.evaluation.reward_words import lines
from concord.models import RewardModel, choose, folder
from concord.records import Ranking, digest
from concord.records.files import write_json, write_text
from concord.settings import HoldOut, Learning, Reward
from concord.stages.examine import examine
from concord.stages.guidance import drawn_groups, words_of
from concord.stages.starter import byte_level

VOCABULARY, WIDTH, LAYERS, HEADS, INNER = 2048, 128, 4, 4, 352


class Loud(Desk):
    """A desk that says what it leaves out."""

    def say(self, line: str) -> None:
        """To whoever looks on."""
        print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Learn, examine, print the card and write it as JSON and as a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--answers", type=int, default=1500, help="most of them, by prompts drawn by lot")
    parser.add_argument("--context", type=int, default=768)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    place = args.out or ROOT / ".bench" / "cards" / args.file.name.partition(".")[0]
    file = place / "rankings.jsonl"
    rankings = some(formats.read_rankings(args.file).records, args.answers, args.seed)
    formats.write_rankings(file, rankings)
    shown, kept = parted(rankings, args.share, args.seed)
    print(f"{len(shown)} rankings to learn from, {len(kept)} of other groups of prompts", file=sys.stderr)
    began = time.monotonic()
    teach(place / "model", shown, args.epochs, args.rate, args.context, args.seed)
    print(f"learned in {time.monotonic() - began:.0f} s", file=sys.stderr)
    formats.write_rankings(place / "learned.jsonl", shown)
    card = examine(place / "model", file, place / "learned.jsonl")
    write_json(place / "card.json", card)
    write_text(place / "card.html", card_page(card))
    print("\n".join(lines(card)))
    return 0


def some(rankings: Sequence[Ranking], most: int, seed: int) -> list[Ranking]:
    """Rankings drawn by their prompts' names until they hold so many answers."""
    found: list[Ranking] = []
    for one in sorted(rankings, key=lambda one: digest("some", seed, one.prompt.id)):
        if sum(len(other.completions) for other in found) + len(one.completions) > most:
            break
        found.append(one)
    return found


def parted(rankings: Sequence[Ranking], share: float, seed: int) -> tuple[list[Ranking], list[Ranking]]:
    """Those to learn from, and those of whole groups of prompts that are kept back."""
    groups = clustered({one.prompt.id: words_of(one.prompt) for one in rankings}, HoldOut().clusters, seed)
    assert groups is not None, "the file has prompts enough to make groups of"
    held = drawn_groups(groups, share, seed)
    kept = [groups.of[one.prompt.id] in held for one in rankings]
    return (
        [one for one, back in zip(rankings, kept, strict=True) if not back],
        [one for one, back in zip(rankings, kept, strict=True) if back],
    )


def teach(place: Path, shown: Sequence[Ranking], epochs: int, rate: float, most: int, seed: int) -> None:
    """A reward model from nothing but these rankings, in a folder."""
    compute = choose()
    torch.manual_seed(seed)
    template = Template(byte_level(texts(shown), VOCABULARY, most))
    folder.save(network(template.tokenizer, most), template, place)
    model = RewardModel.load(place, compute)
    settings, desk = Reward(epochs=epochs, rate=rate, hold_out=0.0), Loud(seed, Learning())
    learn(reward.build(settings, desk, model, shown), desk, compute)  # type: ignore[arg-type]
    model.save(place)


def texts(rankings: Sequence[Ranking]) -> Iterable[str]:
    """All that was said."""
    for one in rankings:
        yield from (message.content for message in one.prompt.messages)
        yield from (said.text for said in one.completions)


def network(words: Any, most: int) -> torch.nn.Module:
    """A Llama of about a million weights that knows nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    made: torch.nn.Module = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=WIDTH,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=most,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
