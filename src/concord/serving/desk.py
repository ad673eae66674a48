"""The one thread in which answers are made: whoever asks waits elsewhere, and may go away."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from concord.errors import ConcordError
from concord.records import Completion, Prompt
from concord.roles import Scorer
from concord.serving.speaker import Answer, Heard, Speaker, Token, Wish


@dataclass(eq=False)
class Job:
    """A request at work: answers that are wanted together."""

    wishes: Sequence[Wish]
    echoes: Sequence[tuple[tuple[int, ...], int]] = ()
    """Texts whose tokens are to be looked at, and how many of the likeliest are told."""
    prompt: Prompt | None = None
    """What the reward model reads before the answers, if they are scored."""
    inbox: "asyncio.Queue[Heard | Done | Exception]" = field(default_factory=asyncio.Queue)
    answers: dict[int, Answer] = field(default_factory=dict)
    tokens: dict[int, list[Token]] = field(default_factory=dict)
    over: bool = False

    @property
    def size(self) -> int:
        """What it counts for where room is measured."""
        return len(self.wishes) + len(self.echoes)


@dataclass(frozen=True)
class Done:
    """All that a job wanted."""

    answers: list[Answer]
    tokens: list[list[Token]]
    echoes: list[list[Token]]
    rewards: list[float] | None


class Desk:
    """Jobs join and leave while others are at work; each step serves all of them."""

    def __init__(self, speaker: Speaker, scorer: Scorer | None = None) -> None:
        self.speaker, self.scorer = speaker, scorer
        self.open = 0
        """Answers, and texts to look at, that are asked for and neither ended nor forgotten."""
        self.failure: Exception | None = None
        """Why nothing is answered any more."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = threading.Condition()
        self._new: list[Job] = []
        self._gone: list[Job] = []
        self._closing = False
        self._jobs: dict[int, tuple[Job, int]] = {}
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def begin(self, broken: Callable[[], None] = lambda: None) -> None:
        """Start to work for the loop that runs now; `broken` is called in it if nothing can be answered any more."""
        self._loop, self._broken = asyncio.get_running_loop(), broken
        self._thread.start()

    def close(self) -> None:
        """Stop; what is still at work is dropped."""
        with self._bell:
            self._closing = True
            self._bell.notify()
        self._thread.join()

    def ask(self, job: Job) -> None:
        """Take a job on; what comes of it is put into its inbox."""
        with self._bell:
            self.open += job.size
            self._new.append(job)
            self._bell.notify()

    def forget(self, job: Job) -> None:
        """Nobody waits for a job any more; one that is over is not minded."""
        with self._bell:
            if not job.over:
                self._gone.append(job)
                self._bell.notify()

    def _work(self) -> None:
        try:
            while self._round():
                pass
        except Exception as error:  # whatever it is, all who wait must hear of it
            self.failure = error
            with self._bell:
                waiting = {job for job, _ in self._jobs.values()} | set(self._new)
            self._tell([(job, error) for job in waiting])
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._broken)

    def _round(self) -> bool:
        """Those who come, those who go, and one step for all; whether to go on."""
        with self._bell:
            while not (self._new or self._gone or self._jobs or self._closing):
                self._bell.wait()
            if self._closing:
                return False
            new, gone = self._new, self._gone
            self._new, self._gone = [], []
        told: list[tuple[Job, Any]] = []
        for job in new:
            if job not in gone:
                self._start(job, told)
        for job in gone:
            self._drop(job)
        if self._jobs:
            for heard in self.speaker.step():
                self._pass_on(heard, told)
        self._tell(told)
        return True

    def _start(self, job: Job, told: list[tuple[Job, Any]]) -> None:
        try:
            for place, wish in enumerate(job.wishes):
                self._jobs[self.speaker.add(wish)] = job, place
        except ConcordError as error:  # of this job alone: the others go on
            self._drop(job)
            told.append((job, error))
        if not job.wishes:
            self._finish(job, told)

    def _drop(self, job: Job) -> None:
        if job.over:
            return
        for number in [number for number, (one, _) in self._jobs.items() if one is job]:
            self.speaker.cancel(number)
            del self._jobs[number]
        self._over(job)

    def _over(self, job: Job) -> None:
        with self._bell:
            job.over = True
            self.open -= job.size

    def _pass_on(self, heard: Heard, told: list[tuple[Job, Any]]) -> None:
        job, place = self._jobs[heard.number]
        if heard.token:
            job.tokens.setdefault(place, []).append(heard.token)
        if job.wishes[place].pieces:
            told.append((job, Heard(place, heard.piece, heard.token, heard.answer)))
        if heard.answer:
            del self._jobs[heard.number]
            job.answers[place] = heard.answer
            if len(job.answers) == len(job.wishes):
                self._finish(job, told)

    def _finish(self, job: Job, told: list[tuple[Job, Any]]) -> None:
        try:
            told.append((job, self._done(job)))
        except ConcordError as error:  # such as an answer that is too long for the reward model
            told.append((job, error))
        self._over(job)

    def _done(self, job: Job) -> Done:
        answers = [job.answers[place] for place in range(len(job.wishes))]
        tokens = [job.tokens.get(place, []) for place in range(len(job.wishes))]
        echoes = [self.speaker.likely(text, tops) for text, tops in job.echoes]
        rewards = None
        if self.scorer is not None and job.prompt is not None:
            prompt, by = job.prompt, self.speaker.name
            rewards = self.scorer.score(
                [Completion(prompt, one.text, by, finish=one.finish, tokens=one.tokens) for one in answers]
            )
        return Done(answers, tokens, echoes, rewards)

    def _tell(self, told: Sequence[tuple[Job, Any]]) -> None:
        """Put news into inboxes, in the loop's own thread."""

        def deliver() -> None:
            for job, news in told:
                job.inbox.put_nowait(news)

        if told and self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it all who waited
                self._loop.call_soon_threadsafe(deliver)
