"""The one way from messages to token ids, for training, sampling, scoring and serving alike.

A prompt is rendered by the model's own chat template, with control tokens in people's text kept as text.
A completion is its own tokens and then the token that ends a turn. Because both are always joined in
this way, what a policy learns, what it is asked and what a reward model reads are the same ids.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from typing import Any

from concord.errors import ModelError
from concord.records import Completion, Demonstration, Message, Prompt, digest

PLAIN = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'].capitalize() }}:\n{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""The template given to a tokenizer that has none; saved with the model, so that it stays the same."""


EXAMPLES, NAMED = 3, 40
"""Prompts that an error names, and characters of each."""
REMEMBERED = 10_000
"""Prompts whose ids are kept: enough for a round of sampling, and never all of a large file."""


@dataclass(frozen=True)
class StopSet:
    """What ends a completion: any of these tokens. One object for sampler, masks and server."""

    tokens: frozenset[int]
    end: int
    """The one that the chat template itself writes after an assistant's turn."""


@dataclass(frozen=True)
class Rendered:
    """Token ids, and which of them are the assistant's own."""

    tokens: list[int]
    scored: list[bool]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def opening(self) -> int:
        """How many tokens come before the first scored one; all of them if none is scored."""
        return self.scored.index(True) if True in self.scored else len(self.scored)


class Template:
    """A tokenizer with its chat template, and nothing else that turns text into ids."""

    def __init__(self, tokenizer: Any, stop_tokens: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        self._prompts: dict[tuple[Message, ...], list[int]] = {}
        if tokenizer.eos_token_id is None:
            raise ModelError(
                f"The tokenizer in {tokenizer.name_or_path} has no end token, so a policy could never learn to "
                "stop. Set eos_token in its tokenizer_config.json."
            )
        self.notice = ""
        if not tokenizer.chat_template:
            bos = tokenizer.bos_token is not None
            tokenizer.chat_template = PLAIN if bos else PLAIN.removeprefix("{{ bos_token }}")
            self.notice = (
                "The tokenizer has no chat template; a plain one (`User:`, `Assistant:`) "
                "is used and saved with it."
            )
        self.stops = self._stops(stop_tokens)

    def _stops(self, tokens: Sequence[int]) -> StopSet:
        """The stop tokens: those of the model, and the one that the template puts after a turn."""
        known = {int(token) for token in tokens} | {int(self.tokenizer.eos_token_id)}
        asked = (Message("user", "a"),)
        before = self._render(asked, ready=True)
        after = self._render((*asked, Message("assistant", "b")), ready=False)
        body = self.encode("b")
        tail = after[len(before) + len(body) :]
        joined = after[: len(before) + len(body)] == before + body
        end = tail[0] if joined and tail and self._is_control(tail[0]) else int(self.tokenizer.eos_token_id)
        return StopSet(frozenset(known | {end}), end)

    @cached_property
    def takes_system(self) -> bool:
        """Whether a dialogue may begin with a system turn."""
        try:
            self._render((Message("system", "a"), Message("user", "b")), ready=True)
        except ModelError:
            return False
        return True

    def _is_control(self, token: int) -> bool:
        return token in self.tokenizer.added_tokens_decoder

    def _render(self, messages: Sequence[Message], ready: bool) -> list[int]:
        """Ids of a dialogue as the template writes it; control tokens in the messages stay plain text."""
        return self._render_all([messages], ready)[0]

    def _render_all(self, dialogues: Sequence[Sequence[Message]], ready: bool) -> list[list[int]]:
        """Ids of many dialogues: the library's own preparations are then made only once."""
        try:
            found = self.tokenizer.apply_chat_template(
                [[{"role": turn.role, "content": turn.content} for turn in one] for one in dialogues],
                add_generation_prompt=ready,
                tokenize=True,
                return_dict=False,
                sanitize_control_tokens=True,
            )
        except Exception as error:  # a template is a foreign program: whatever it raises is its own complaint
            if len(dialogues) > 1:
                return [self._render(one, ready) for one in dialogues]  # to say which of them it is
            roles = ", ".join(message.role for message in dialogues[0])
            raise ModelError(
                f"The chat template in {self.tokenizer.name_or_path} refuses a dialogue of {roles}: {error}. "
                "Use a template that allows these roles, or change the prompts."
            ) from error
        return [list(ids) for ids in found]

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; what looks like a control token is text too."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many plain texts."""
        if not texts:
            return []  # the library fails at none
        found = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False
        )
        return [list(ids) for ids in found["input_ids"]]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a plain text begins and ends in it, in characters."""
        if not self.tokenizer.is_fast:
            raise ModelError(
                f"The tokenizer in {self.tokenizer.name_or_path} cannot say where in a text its tokens stand, which "
                "steps and segments need. Use a model with a fast tokenizer (tokenizer.json)."
            )
        found = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )
        return [(int(start), int(stop)) for start, stop in found["offset_mapping"]]

    def last_tokens(self, text: str, places: Sequence[int]) -> list[int]:
        """For each place in a text, the number of the token that holds the character before it."""
        starts = [start for start, _ in self.spans(text)]
        return [max(0, bisect_left(starts, place) - 1) for place in places]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a completion, without its end token.

        A NUL, which no text of ours may hold, becomes what bytes that are no UTF-8 become.
        """
        kept = list(tokens[:-1]) if tokens and tokens[-1] in self.stops.tokens else list(tokens)
        return str(self.tokenizer.decode(kept, skip_special_tokens=False)).replace("\0", "\ufffd")

    def dialogue(self, messages: Sequence[Message]) -> list[int]:
        """Ids up to the place where the assistant begins to speak, not kept: for what is asked by strangers."""
        return self._render(messages, ready=True)

    def prompt(self, prompt: Prompt) -> list[int]:
        """Ids up to the place where the assistant begins to speak."""
        return self.prompts([prompt])[0]

    def prompts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Ids of many prompts, those rendered lately not again."""
        known = self._prompts
        new = list(dict.fromkeys(one.messages for one in prompts if one.messages not in known))
        if len(known) + len(new) > REMEMBERED:
            known = {one.messages: known[one.messages] for one in prompts if one.messages in known}
            self._prompts = known
        if new:
            try:
                known.update(zip(new, self._render_all(new, ready=True), strict=True))
            except ModelError as error:
                raise ModelError(f"{error} {self._refused(prompts)}") from error
        return [known[one.messages] for one in prompts]

    def _refused(self, prompts: Sequence[Prompt]) -> str:
        """Which of these the chat template refuses."""
        names: list[str] = []
        for one in {one.messages: one for one in prompts}.values():
            try:
                self._render(one.messages, ready=True)
            except ModelError:
                names.append(f"{one.id} ({one.messages[0].content[:NAMED]!r})")
        return f"Of {len(prompts):,} read together it refuses {len(names):,}: {', '.join(names[:EXAMPLES])}."

    def completion(self, completion: Completion) -> Rendered:
        """A prompt and one answer: the answer's tokens are scored, its end token included if it ended."""
        return self.completions([completion])[0]

    def completions(self, completions: Sequence[Completion]) -> list[Rendered]:
        """Many answers, each after its prompt."""
        before = self.prompts([one.prompt for one in completions])
        said = self.encode_all([one.text for one in completions])
        rows = []
        for one, asked, ids in zip(completions, before, said, strict=True):
            own = ids + self._ended(one)
            rows.append(Rendered(asked + own, [False] * len(asked) + [True] * len(own)))
        return rows

    def said(self, completion: Completion) -> list[int]:
        """Ids of an answer: its text, then the end token unless it was cut off."""
        return self.encode(completion.text) + self._ended(completion)

    def _ended(self, completion: Completion) -> list[int]:
        return [] if completion.finish == "length" else [self.stops.end]

    def demonstration(self, demonstration: Demonstration, every_turn: bool) -> Rendered:
        """A prompt and a good answer to learn; with `every_turn`, the assistant's earlier turns too."""
        return self.demonstrations([demonstration], every_turn)[0]

    def demonstrations(self, records: Sequence[Demonstration], every_turn: bool) -> list[Rendered]:
        """Many demonstrations."""
        rows = self.completions([Completion(one.prompt, one.text, finish="stop") for one in records])
        for record, row in zip(records, rows, strict=True):
            messages = record.prompt.messages if every_turn else ()
            for turn, message in enumerate(messages):
                if message.role == "assistant":
                    start, stop = self._turn(messages[:turn], messages[: turn + 1], row.tokens)
                    row.scored[start:stop] = [True] * (stop - start)
        return rows

    def digest(self) -> str:
        """A name for all that decides which ids a text becomes."""
        fast = getattr(self.tokenizer, "backend_tokenizer", None)
        inner = fast.to_str() if fast is not None else sorted(self.tokenizer.get_vocab().items())
        about = [inner, type(self.tokenizer).__name__, self.tokenizer.chat_template]
        about.append(sorted((name, str(token)) for name, token in self.tokenizer.special_tokens_map.items()))
        libraries = [metadata.version(name) for name in ("transformers", "tokenizers")]
        return digest(*about, sorted(self.stops.tokens), self.stops.end, *libraries)

    def same_ids(self, other: "Template") -> bool:
        """Whether the other turns the same text into the same ids."""
        mine, theirs = self.tokenizer, other.tokenizer
        return bool(mine.get_vocab() == theirs.get_vocab() and mine.chat_template == theirs.chat_template)

    def _turn(
        self, before: Sequence[Message], through: Sequence[Message], whole: list[int]
    ) -> tuple[int, int]:
        """Where one earlier turn of the assistant stands among the ids of the whole dialogue."""
        start = self._render(before, ready=True)
        stop = self._render(through, ready=False)
        if whole[: len(start)] != start or whole[: len(stop)] != stop:
            raise ModelError(
                f"The chat template in {self.tokenizer.name_or_path} rewrites earlier turns as a dialogue grows, so "
                "they cannot be learned in one pass. Set sft.turns to last."
            )
        ends = [place for place in range(len(start), len(stop)) if whole[place] in self.stops.tokens]
        return len(start), (ends[0] + 1 if ends else len(stop))
