"""How the bundled starter model is made, bit for bit the same on the same type of machine.

    python -m concord.stages.starter FOLDER

A byte-level tokenizer and a small Llama learn the starter world's text from nothing. What was done, and
the sha256 of the result, is written beside the model in STARTER.json.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from concord.algorithms import Course
from concord.algorithms.sft import Imitation
from concord.batches import Rendered, Sequences, Template, pack
from concord.batches.order import permutation
from concord.models import Policy, choose
from concord.models.trunk import Trunk
from concord.records import Message
from concord.records.files import write_json
from concord.records.manifest import sha256
from concord.training import Diary, Guard, Local, Optimizer, fit, schedule
from concord.world import World

VOCABULARY = 1536
CONTEXT = 256
STEPS = 5000
TOKENS = 4096
"""Most tokens in a step."""
RATE = 2.5e-3
CHUNK = 4096
"""Documents that are sorted by length together."""
ROLES = ("user", "assistant", "system")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class Size:
    """How large the network is."""

    width: int = 192
    layers: int = 4
    heads: int = 6
    inner: int = 512


def tokenizer() -> Any:
    """A byte-level BPE of the world's text, with its own marks for turns."""
    texts = itertools.islice(World().documents(1), 20_000)
    return byte_level((message.content for document in texts for message in document), VOCABULARY, CONTEXT)


def byte_level(texts: Iterable[str], vocabulary: int, context: int) -> Any:
    """A byte-level BPE of any texts, with marks for turns."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = ["<|pad|>", "<|end|>", *(f"<|{role}|>" for role in ROLES)]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        extra_special_tokens=[f"<|{role}|>" for role in ROLES],
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def network(vocabulary: int, end: int, pad: int, size: Size) -> torch.nn.Module:
    """A Llama that knows nothing yet; of the usual size it has two million weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    made: torch.nn.Module = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=size.width,
            intermediate_size=size.inner,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.05,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
            attn_implementation="eager",
        )
    )
    return made


@dataclass
class Corpus:
    """Endless text of the world, cut into steps; every token bears loss."""

    template: Template
    steps: int
    settled: bool = field(default=True, init=False)

    def __iter__(self) -> Iterator[list[Sequences]]:
        return itertools.islice(self._all(), self.steps)

    def _all(self) -> Iterator[list[Sequences]]:
        documents = World().documents(0)
        for chunk in itertools.count():
            rows = sorted(self.rendered(list(itertools.islice(documents, CHUNK))), key=len)
            groups: list[list[Rendered]] = [[]]
            for row in rows:
                if sum(map(len, groups[-1])) + len(row) > TOKENS:
                    groups.append([])
                groups[-1].append(row)
            for place in permutation(len(groups), "starter", chunk):
                yield [pack(groups[place])]

    def rendered(self, documents: Sequence[Sequence[Message]]) -> Iterator[Rendered]:
        """A dialogue as its template writes it; an article as plain text with an end."""
        end, words = self.template.stops.end, self.template.tokenizer
        marks = {role: words.convert_tokens_to_ids(f"<|{role}|>") for role in ROLES}
        texts = [message.content for document in documents for message in document]
        said = iter(self.template.encode_all(texts))
        for document in documents:
            tokens: list[int] = []
            for message in document:
                tokens += [*([marks[message.role]] if len(document) > 1 else []), *next(said), end]
            yield Rendered(tokens, [False] + [True] * (len(tokens) - 1))

    def state(self) -> dict[str, Any]:
        """Making the starter model is short enough to begin again."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


def make(folder: Path, steps: int = STEPS, size: Size = Size(), threads: int = 2) -> Path:
    """Make the starter model, or one of another size, in a folder; other threads give other last bits."""
    torch.set_num_threads(threads)
    compute = choose("cpu", "bfloat16")
    template = Template(tokenizer())
    ids = template.tokenizer
    made = network(len(ids), ids.eos_token_id, ids.pad_token_id, size)
    policy = Policy(made, template, compute, headed=True, trunk=Trunk.of(made, compute))
    feed = Corpus(template, steps)
    course = Course(feed, Imitation(policy), {"policy": policy.network}, {"policy": RATE}, steps)
    policy.network.train()
    optimizer = Optimizer(
        course.networks, course.rates, 0.1, 1.0, schedule("cosine", steps, 0.03), betas=(0.9, 0.95)
    )
    diary = Diary(folder.with_suffix(".jsonl"), "starter", steps)
    diary.rewind(0)
    try:
        fit(feed, course.objective, Local(), optimizer, Guard(), [diary])
    finally:
        diary.close()
    policy.save(folder, torch.bfloat16)
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    write_json(folder / "STARTER.json", {"steps": steps, "torch": torch.__version__, "sha256": files})
    return folder


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STEPS))
