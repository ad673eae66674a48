"""Exactness: a token is as likely however its row is read; the plain network, given each row alone, is the measure.

Every check is a largest difference, in nats unless it says otherwise, beside the most that rounding explains.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from concord.batches import Rendered, Template, pack
from concord.errors import ConcordError, ModelError
from concord.models.folder import context, said
from concord.models.policy import Policy
from concord.records import Completion, Demonstration, Message, Prompt, prompt_key

ALLOWED = {torch.float32: 2e-4, torch.bfloat16: 0.25}
"""Nats by which one token's log-probability may differ, by the precision of the products; below float32, twice what
that precision itself costs the plain network if that is more."""
LONG = 320
"""Tokens of the longest row, where the model's context has room for them."""
PAD = 0
"""What stands where nothing is: any token, for no network may look at it."""
ALONE = "alone"

TEXTS = (
    (("Hello.",), "Hello! How are you?"),
    (("What is two and two?",), "Two and two is four."),
    (("What is two and two?",), "I do not know."),
    (("What is two and two?",), "It depends: in base three it is eleven, and everywhere else it is four."),
    (("Why?", "Because it rains.", "And then?"), "Then the sun comes out."),
    (("a",), "b"),
)
"""Dialogues that end with the user's turn, and an answer to each; some share their prompt."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold, how far it was from holding, and how far it may be."""

    name: str
    what: str
    worst: float | None
    """The largest difference; none if the check could not be made, or found no number."""
    allowed: float
    fault: str = ""
    """What went wrong, in words, if it is more than a difference."""
    skipped: str = ""
    """Why the check does not apply to this model, if it does not."""

    @property
    def verdict(self) -> str:
        """pass, fail, or skipped."""
        if self.skipped:
            return "skipped"
        within = self.worst is not None and self.worst <= self.allowed  # NaN is not within
        return "fail" if self.fault or not within else "pass"


def asked(*turns: str) -> Prompt:
    """A dialogue of turns by user and assistant."""
    messages = tuple(
        Message("user" if turn % 2 == 0 else "assistant", text) for turn, text in enumerate(turns)
    )
    return Prompt(messages, prompt_key(messages))


def completions() -> list[Completion]:
    """The texts above as records."""
    return [Completion(asked(*turns), text, finish="stop") for turns, text in TEXTS]


def rows_for(policy: Policy) -> list[Rendered]:
    """Rows of several lengths, some with one prompt; the longest as long as the context and patience allow."""
    template, limit = policy.template, context(policy.network)
    rows = [row for row in template.completions(completions()) if len(row) <= limit]
    words = template.encode(" ".join(text for _, text in TEXTS) + " ")
    for asking in rows[:1]:
        room = min(limit, LONG) - asking.opening
        body = (words * (room // max(1, len(words)) + 1))[:room]
        rows.append(
            Rendered(asking.tokens[: asking.opening] + body, [False] * asking.opening + [True] * len(body))
        )
    if len(rows) < 3:
        raise ModelError(
            f"The model's context of {limit} tokens has no room for a question and an answer of a few words, "
            "so nothing can be measured. Use a model with a longer context."
        )
    return rows


def worst(found: Iterable[Tensor], wanted: Iterable[Tensor]) -> float:
    """The largest difference, NaN if anything is one."""
    gaps = [(one - other).abs().max() for one, other in zip(found, wanted, strict=True)]
    return float(torch.stack(gaps).max())


def tried(name: str, what: str, allowed: float, measure: Callable[[], float]) -> Check:
    """A check that is made; one that falls over has failed, and says why."""
    try:
        found = measure()
    except ConcordError as error:
        return Check(name, what, None, allowed, str(error))
    except Exception as error:  # a foreign network that is given what it does not expect can raise anything
        return Check(name, what, None, allowed, f"{type(error).__name__}: {said(error)}")
    if not math.isfinite(found):
        return Check(name, what, None, allowed, "what was found is no number")
    return Check(name, what, found, allowed)


class Reading:
    """One policy, some rows, and what the plain network says of each of them alone."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.rows = policy, rows_for(policy)
        policy.network.eval()
        self.plain = [self.padded([row], 0)[0] for row in self.rows]
        self.allowed = ALLOWED[policy.compute.dtype]
        if policy.compute.dtype is not torch.float32:
            fine = [self.padded([row], 0, fine=True)[0] for row in self.rows]
            self.allowed = max(self.allowed, 2 * worst(self.plain, fine))

    @torch.no_grad()
    def padded(self, rows: Sequence[Rendered], before: int | None, fine: bool = False) -> list[Tensor]:
        """[S] of each row by the network itself, rows side by side; `before` 0 pads after them, None before them.

        `fine` reads them in float32, whatever the policy computes in.
        """
        network, device = self.policy.network, self.policy.compute.device
        width = max(map(len, rows))
        tokens, mask = torch.full((len(rows), width), PAD), torch.zeros(len(rows), width, dtype=torch.int64)
        starts = [width - len(row) if before is None else before for row in rows]
        for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
            tokens[number, start : start + len(row)] = torch.tensor(row.tokens)
            mask[number, start : start + len(row)] = 1
        given: dict[str, Tensor] = {"attention_mask": mask.to(device)} if len(rows) > 1 else {}
        if len(rows) > 1 and "position_ids" in inspect.signature(network.forward).parameters:
            given["position_ids"] = (mask.cumsum(-1) - 1).clamp_min(0).to(device)
        with nullcontext() if fine else self.policy.compute.precision():
            logits: Any = network(input_ids=tokens.to(device), use_cache=False, **given).logits
        found = []
        for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
            places = torch.tensor([place for place, mark in enumerate(row.scored) if mark])
            logprobs = logits[number, places + start - 1].double().log_softmax(-1).cpu()
            found.append(logprobs.gather(-1, torch.tensor(row.tokens)[places, None]).squeeze(-1))
        return found

    @torch.no_grad()
    def packed(self, rows: Sequence[Rendered]) -> list[Tensor]:
        """[S] of each row as learning reads them: packed together."""
        batch = pack(rows).to(self.policy.compute.device)
        found = self.policy.logprobs(batch).double().cpu()
        return [line[mark] for line, mark in zip(found, batch.scored.cpu(), strict=True)]

    def checks(self) -> list[Check]:
        """Every way of reading rows beside each other."""
        rows, plain = self.rows, self.plain
        way = "padded side by side" if self.policy.trunk.padded else "packed end to end"

        def check(name: str, what: str, measure: Callable[[], list[Tensor]]) -> Check:
            return tried(name, what, self.allowed, lambda: worst(measure(), plain))

        twins = [number for number, row in enumerate(rows) if self.twins(row) > 1]
        return [
            check(ALONE, "each row alone as learning reads it", lambda: [self.packed([r])[0] for r in rows]),
            check("padded right", "the network itself, pads after short rows", lambda: self.padded(rows, 0)),
            check(
                "padded left", "the network itself, pads before short rows", lambda: self.padded(rows, None)
            ),
            check("packed", f"all rows at once, {way}", lambda: self.packed(rows)),
            check("batch of 2", "rows two at a time", lambda: self.together(2)),
            check("batch of 3", "rows three at a time, in another order", lambda: self.together(3)),
            tried(
                "prompts shared",
                "answers to one prompt, which is read once",
                self.allowed,
                lambda: worst(self.packed([rows[n] for n in twins]), [plain[n] for n in twins]),
            ),
        ]

    def twins(self, row: Rendered) -> int:
        """How many rows have this row's prompt."""
        return sum(one.tokens[: one.opening] == row.tokens[: row.opening] for one in self.rows)

    def together(self, size: int) -> list[Tensor]:
        """So many rows at a time; an odd number of them from the end on."""
        order = list(range(len(self.rows)))[:: -1 if size % 2 else 1]
        found: dict[int, Tensor] = {}
        for start in range(0, len(order), size):
            part = order[start : start + size]
            found.update(zip(part, self.packed([self.rows[number] for number in part]), strict=True))
        return [found[number] for number in range(len(self.rows))]


def rendering(template: Template) -> list[Check]:
    """Text becomes ids and ids become text again; what is learned is the answer and the token that ends it."""
    return [
        said_of("text round trip", "text to ids and back", lambda: unlike(template)),
        said_of("spans", "what bears loss is the answer, after the prompt", lambda: misplaced(template)),
        said_of("terminator", "each answer is learned to end", lambda: endless(template)),
        said_of("one beginning", "a row begins with its first token once", lambda: twice(template)),
        dialogue(template),
    ]


def said_of(name: str, what: str, faults: Callable[[], list[str]]) -> Check:
    """A check whose measure is how many faults there are."""
    try:
        found = faults()
    except ConcordError as error:
        found = [str(error)]
    return Check(name, what, float(len(found)), 0.0, found[0] if found else "")


def unlike(template: Template) -> list[str]:
    """Texts that are others after a round trip, or in which a control token was not left as text."""
    controls = {int(token): str(text) for token, text in template.tokenizer.added_tokens_decoder.items()}
    texts = [text for _, text in TEXTS]
    texts += ["Grüße, 你好, 👋 and a tab\t.", "one\n\ntwo", 'f(x) = "x"', *list(controls.values())[:8]]
    faults = []
    for text in texts:
        ids = template.encode(text)
        if set(ids) & (controls.keys() | template.stops.tokens) and text not in ("", " "):
            faults.append(f"{text!r} in people's text becomes a control token")
        elif template.tokenizer.decode(ids, skip_special_tokens=False) != text:
            faults.append(f"{text!r} comes back as {template.tokenizer.decode(ids)!r}")
    return faults


def misplaced(template: Template) -> list[str]:
    """Rows whose scored tokens are not one answer after its prompt."""
    faults = []
    for one, row in zip(completions(), template.completions(completions()), strict=True):
        answer = [token for token, mark in zip(row.tokens, row.scored, strict=True) if mark]
        if row.tokens[: row.opening] != template.prompt(one.prompt) or not all(row.scored[row.opening :]):
            faults.append(f"{one.text!r} does not stand right after its prompt")
        elif template.decode(answer) != one.text:
            faults.append(f"{one.text!r} is learned as {template.decode(answer)!r}")
    return faults


def endless(template: Template) -> list[str]:
    """Answers whose last scored token does not end them."""
    rows = template.completions(completions())
    return [
        f"{one.text!r} ends with the token {row.tokens[-1]}, which stops nothing"
        for one, row in zip(completions(), rows, strict=True)
        if not row.scored[-1] or row.tokens[-1] not in template.stops.tokens
    ]


def twice(template: Template) -> list[str]:
    """Prompts that open with two tokens of beginning."""
    first = template.tokenizer.bos_token_id
    prompts = template.prompts([one.prompt for one in completions()])
    return [
        f"a prompt begins {ids[:2]}" for ids in prompts if first is not None and ids[:2] == [first, first]
    ]


def dialogue(template: Template) -> Check:
    """Every turn of a dialogue in one pass; templates that rewrite earlier turns must learn the last alone."""
    name, what = "every turn", "each answer of a dialogue is scored with its end"
    turns, text = TEXTS[4]
    try:
        row = template.demonstration(Demonstration(asked(*turns), text), every_turn=True)
    except ModelError as error:
        return Check(name, what, None, 0.0, skipped=str(error))
    spans: list[list[int]] = []
    for place, mark in enumerate(row.scored):
        if mark and not row.scored[place - 1]:
            spans.append([])
        if mark:
            spans[-1].append(row.tokens[place])
    found = [template.decode(span) for span in spans]
    faults = [] if found == [turns[1], text] else [f"the answers are learned as {found}"]
    faults += [f"{span} has no end" for span in spans if span[-1] not in template.stops.tokens]
    return Check(name, what, float(len(faults)), 0.0, faults[0] if faults else "")
