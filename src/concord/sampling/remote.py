"""Sampling elsewhere: any chat endpoint in OpenAI's shape as a Sampler."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from concord.endpoints import Chat, Question, Reply
from concord.errors import EndpointError
from concord.records import Completion, Prompt, seed_of


@dataclass(frozen=True)
class Remote:
    """A model that answers elsewhere. It keeps no token ids: those are of its own tokenizer."""

    chat: Chat
    name: str
    seed: int
    temperature: float = 1.0
    longest: int = 64
    top_p: float = 1.0
    together: int = 1
    """Answers asked for in one call; 1 gives each a seed of its own, more read the prompt once for all of them."""
    logprobs: bool = False
    """Whether to ask for the log-probability of each token."""

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, in the order of the prompts."""
        asked: Counter[str] = Counter()
        places: list[tuple[Prompt, Question]] = []
        for prompt in prompts:
            first = asked[prompt.id]  # a prompt that is asked again is answered anew
            asked[prompt.id] += k
            for start in range(0, k, self.together):
                count = min(self.together, k - start)
                seed = seed_of(self.seed, prompt.id, first + start)
                places.append((prompt, self._question(prompt, seed, count)))
        answers = self.chat.ask([question for _, question in places])
        return [
            self._completion(prompt, question, reply)
            for (prompt, question), replies in zip(places, answers, strict=True)
            for reply in replies
        ]

    def _question(self, prompt: Prompt, seed: int, count: int) -> Question:
        tops = 1 if self.logprobs else 0
        return Question(prompt.messages, seed, self.temperature, self.top_p, self.longest, n=count, tops=tops)

    def _completion(self, prompt: Prompt, question: Question, reply: Reply) -> Completion:
        if reply.finish is None and not reply.text.strip():
            raise EndpointError(
                f"{self.chat.wire.url} answers prompt {prompt.id} with nothing and does not say that it ended. "
                "Leave the prompt out, or ask another model."
            )
        if self.logprobs and reply.tokens is None:
            raise EndpointError(
                f"{self.chat.wire.url} gives no log-probabilities, which were asked for. "
                "Ask without them, or use an endpoint that gives them."
            )
        return Completion(
            prompt,
            reply.text,
            by=self.name,
            seed=question.seed,
            temperature=self.temperature,
            finish=reply.finish,
            logprobs=tuple(one.logprob for one in reply.tokens) if reply.tokens else None,
        )
