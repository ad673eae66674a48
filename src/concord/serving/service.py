"""From a request to a job at the desk, and from what comes of it to a row of the log."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from concord.errors import ConcordError
from concord.records import Message, Prompt, prompt_key, seed_of
from concord.serving import rows
from concord.serving.asked import LONGEST, MOST_CHOICES, Asked, Chat, Feedback, Plain
from concord.serving.desk import Desk, Done, Job
from concord.serving.faults import Refusal
from concord.serving.log import FEEDBACK, REQUESTS, Log
from concord.serving.speaker import Answer, Heard, Wish
from concord.serving.told import Choice, Head

T = TypeVar("T")
PREFIX, BEST = "bon-", 8
"""A model's name behind this prefix asks for the best of so many answers, if the server has no number of its own."""


@dataclass(frozen=True)
class Offer:
    """What a server does if a client does not say otherwise, and how much of it at once."""

    longest: int
    """Tokens of an answer."""
    most: int = 320
    """Answers that grow or wait; who comes then is told to come again."""
    best_of: int = 1
    """Answers of which the reward model chooses."""
    content: str = ""
    """A name for the policy's weights and words."""
    scored_by: str | None = None
    """A name for the reward model's."""


@dataclass
class Errand:
    """A request at work, with all that its answer and its row of the log need."""

    head: Head
    asked: Asked
    job: Job
    prompts: Sequence[Sequence[int]]
    wish: Wish | None
    """How each answer is drawn; None if only the prompts are looked at."""
    keep: int
    """Choices to return."""
    best_of: int
    seed: int
    messages: tuple[Message, ...] = ()
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    """Seconds until something was said, in a stream."""
    noted: bool = False
    """Whether it is on record."""

    def choices(self, done: Done) -> list[Choice]:
        """The answers to return, the best first if the best of several were asked for."""
        found = [Choice(*pair) for pair in zip(done.answers, done.tokens, strict=True)]
        if done.rewards is None:
            return found
        order = sorted(range(len(found)), key=lambda place: (-done.rewards[place], place))  # type: ignore[index]
        rank = {place: number for number, place in enumerate(order, start=1)}
        scored = [
            Choice(one.answer, one.tokens, done.rewards[place], rank[place])
            for place, one in enumerate(found)
        ]
        return [scored[place] for place in order[: self.keep]] if self.best_of > 1 else scored


class Service:
    """The desk, the log, and what is offered."""

    def __init__(self, desk: Desk, offer: Offer, log: Log | None = None) -> None:
        self.desk, self.offer, self.log = desk, offer, log
        self.speaker = desk.speaker
        self.started = int(time.time())
        self.pace = 1.0
        """Seconds that answers lately took."""
        self._reader = ThreadPoolExecutor(1, "reader")
        self._reading = 0

    @property
    def failure(self) -> Exception | None:
        """Why nothing is answered any more."""
        return self.desk.failure or (self.log.failure if self.log is not None else None)

    async def chat(self, asked: Chat) -> Errand:
        """Take on a dialogue."""
        best_of = self._best_of(asked)
        messages = tuple(turn.message() for turn in asked.messages)
        if sum(len(one.content) for one in messages) > LONGEST:
            raise Refusal(400, f"The messages have more than {LONGEST:,} characters.", "too_long", "messages")
        keep = asked.n or 1
        self._room(max(keep, best_of))
        tokens = await self._read(self.speaker.read, messages)
        longest = self._longest(len(tokens), asked.limit, self.offer.longest)
        tops = (asked.top_logprobs or 0) if asked.logprobs else None
        seed = asked.seed if asked.seed is not None else secrets.randbits(63)
        wish = self._wish(asked, tokens, longest, tops, bool(asked.stream) and best_of == 1)
        wishes = [_seeded(wish, seed_of(seed, number)) for number in range(max(keep, best_of))]
        prompt = Prompt(messages, prompt_key(messages))
        job = Job(wishes, prompt=prompt if self.desk.scorer else None)
        return self._begin(
            Errand(self._head("chatcmpl-"), asked, job, [tokens], wish, keep, best_of, seed, messages)
        )

    async def plain(self, asked: Plain) -> Errand:
        """Take on texts."""
        if self._best_of(asked, default=1) > 1:
            raise Refusal(400, "Plain texts are not scored; send messages.", "unsupported", "concord")
        keep = asked.n or 1
        looked = bool(asked.echo) and asked.logprobs is not None
        self._room(len(asked.prompts) * (keep * (asked.max_tokens != 0) + looked))
        prompts = []
        for one in asked.prompts:
            ids = await self._read(self.speaker.encode, one) if isinstance(one, str) else one
            if not ids or max(ids) >= self.speaker.size:
                told = (
                    "is empty" if not ids else f"holds the id {max(ids)}; ids are below {self.speaker.size}"
                )
                raise Refusal(400, f"A prompt {told}.", "invalid_prompt", "prompt")
            prompts.append(ids)
        seed = asked.seed if asked.seed is not None else secrets.randbits(63)
        wishes, wish = [], None
        for number, tokens in enumerate(prompts):
            longest = self._longest(len(tokens), asked.max_tokens, self.offer.longest)
            if longest:
                wish = self._wish(asked, tokens, longest, asked.logprobs, bool(asked.stream))
                wishes += [_seeded(wish, seed_of(seed, number, one)) for one in range(keep)]
        echoes = [(tuple(tokens), asked.logprobs or 0) for tokens in prompts] if looked else []
        job = Job(wishes, echoes)
        return self._begin(Errand(self._head("cmpl-"), asked, job, prompts, wish, keep, 1, seed))

    async def result(self, errand: Errand) -> Heard | Done:
        """The next that comes of a request; all of it is on record before anybody is told that it ended."""
        news = await errand.job.inbox.get()
        if isinstance(news, Exception):
            self._lost(errand, "failed")
            logging.getLogger("uvicorn.error").error("%s could not be answered: %s", errand.head.id, news)
            told = "This could not be answered; whoever runs this server was told why."
            raise Refusal(500, told, "broken" if self.desk.failure else "failed")
        if isinstance(news, Done):
            self.pace += 0.1 * (rows.since(errand.began) - self.pace)
            errand.noted = True  # whoever leaves while the row is written adds no second one
            await self._kept(REQUESTS, self._row(errand, errand.choices(news)))
        return news

    def leave(self, errand: Errand) -> None:
        """Nobody waits for a request any more; if it had not ended, that is put on record."""
        if not errand.noted:
            self.desk.forget(errand.job)
            self._lost(errand, "gone")

    def _lost(self, errand: Errand, how: str) -> None:
        errand.noted = True
        ended = [Choice(one, ()) for _, one in sorted(errand.job.answers.items())]
        if self.log is not None:
            self.log.add(REQUESTS, {**self._row(errand, ended), how: True})

    async def feedback(self, said: Feedback) -> None:
        """Put on record what somebody thought of an answer."""
        if self.log is None:
            raise Refusal(
                409, "This server keeps no log, so feedback has no place. Start it with --log.", "no_log"
            )
        choices = self.log.known.get(said.id)
        if choices is None:
            raise Refusal(404, f"No answer {said.id!a} is on record.", "unknown_id", "id")
        if said.choice >= max(1, choices):
            raise Refusal(
                400, f"That answer has {choices} choices; they count from 0.", "no_choice", "choice"
            )
        row = {"time": rows.now(), **said.model_dump(exclude_none=True)}
        if not self.log.texts:
            for name in ("correction", "comment", "name"):
                if name in row:
                    row[f"{name}_characters"] = len(row.pop(name))
        await self._kept(FEEDBACK, row)

    def close(self) -> None:
        """End all threads, the log's last."""
        self._reader.shutdown(cancel_futures=True)
        self.desk.close()
        if self.log is not None:
            self.log.close()

    def _begin(self, errand: Errand) -> Errand:
        self._room(errand.job.size)
        self.desk.ask(errand.job)
        return errand

    def _head(self, prefix: str) -> Head:
        name = prefix + secrets.token_hex(12)
        return Head(name, int(time.time()), self.speaker.name, self.offer.content)

    def _room(self, wanted: int) -> None:
        """Refuse what there is no room for, before anything is done for it."""
        if self.failure is not None:
            told = "Nothing can be answered any more; whoever runs this server was told why."
            raise Refusal(503, told, "broken")
        if wanted > MOST_CHOICES:
            raise Refusal(
                400, f"{wanted} answers are asked for; {MOST_CHOICES} are the most.", "too_many", "n"
            )
        if self.desk.open + self._reading + wanted > self.offer.most:
            wait = min(60, max(1, math.ceil(self.pace)))
            raise Refusal(503, "Too many are being answered. Come again a little later.", "busy", wait=wait)

    async def _read(self, how: Callable[[Any], list[int]], what: Any) -> list[int]:
        """Ids of a text, made aside so that a long one keeps nobody else waiting."""
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, how, what)
        except ConcordError as error:
            raise Refusal(400, str(error), "unreadable", "messages") from None
        finally:
            self._reading -= 1

    def _longest(self, read: int, asked: int | None, otherwise: int) -> int:
        """Most tokens of an answer: as asked, if that fits."""
        room = self.speaker.limit - read
        if room < (1 if asked is None else asked):
            wanted = "an answer" if asked is None else f"{asked} more"
            raise Refusal(
                400,
                f"The prompt has {read} tokens, and there is no room for {wanted} in the model's context of "
                f"{self.speaker.limit}.",
                "context_length_exceeded",
                "messages",
            )
        return min(otherwise, room) if asked is None else asked

    def _wish(
        self, asked: Asked, tokens: Sequence[int], longest: int, tops: int | None, pieces: bool
    ) -> Wish:
        temperature = 1.0 if asked.temperature is None else asked.temperature
        return Wish(tuple(tokens), 0, longest, temperature, asked.top_p or 1.0, asked.ends, tops, pieces)

    def _best_of(self, asked: Asked, default: int | None = None) -> int:
        """Of how many answers the best is wanted; 1 for a plain one."""
        prefixed = asked.model == PREFIX + self.speaker.name
        if asked.model != self.speaker.name and not prefixed:
            told = f"The model {asked.model!a} is not served here; {self.speaker.name} is."
            raise Refusal(404, told, "model_not_found", "model")
        usual = self.offer.best_of if default is None else default
        own = self.offer.best_of if self.offer.best_of > 1 else BEST
        if asked.concord is not None:
            best = 1 if asked.concord.strategy == "sample" else asked.concord.n or own
        else:
            best = own if prefixed else max(usual, asked.n or 1) if usual > 1 else 1
        if best > 1 and self.desk.scorer is None:
            told = "The best of several needs a reward model. Start the server with --reward."
            raise Refusal(400, told, "no_reward_model", "concord")
        if 1 < best < (asked.n or 1):
            raise Refusal(400, f"n is {asked.n}, and only {best} answers would be drawn.", "too_few", "n")
        return best

    async def _kept(self, name: str, row: dict[str, Any]) -> None:
        if self.log is not None:
            try:
                await asyncio.wrap_future(self.log.add(name, row))
            except ConcordError as error:
                raise Refusal(
                    503, f"The log cannot be written, so nothing is answered: {error}", "no_log"
                ) from None

    def _row(self, errand: Errand, choices: Sequence[Choice]) -> dict[str, Any]:
        about = {
            "id": errand.head.id,
            "time": rows.now(),
            "model": errand.head.model,
            "content": self.offer.content,
            "scored_by": self.offer.scored_by,
            "best_of": errand.best_of,
            "seed": errand.seed,
            "streamed": bool(errand.asked.stream),
            "seconds": rows.since(errand.began),
            "first_seconds": errand.first,
        }
        asked, kept = errand.asked, self.log is not None and self.log.texts
        given = (asked.prompts if isinstance(asked, Plain) else []) if kept else None
        return rows.request(about, errand.messages, errand.prompts, errand.wish, choices, given)


def _seeded(wish: Wish, seed: int) -> Wish:
    return replace(wish, seed=seed)


def said(answers: Sequence[Answer]) -> int:
    """Tokens of all answers."""
    return sum(len(one.tokens) for one in answers)
