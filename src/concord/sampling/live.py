"""A policy as a server's speaker: answers join those that grow, and leave when they end or are called off."""

from collections.abc import Sequence

from concord.batches import Template
from concord.models import Policy
from concord.records import Message
from concord.sampling.draw import Manner
from concord.sampling.endings import Mouth, cut
from concord.sampling.looks import Look, reading
from concord.sampling.slots import PLACES, TOKENS, Request, Slots
from concord.serving.speaker import Answer, Heard, Token, Wish

LIKELIEST = Manner(top_k=1)
"""What a temperature of 0 means: always the likeliest token."""


class Live:
    """The slots of training, with words at both ends."""

    def __init__(self, policy: Policy, template: Template, name: str, places: int = PLACES) -> None:
        """`template` is the policy's once more, for prompts are read in another thread than answers are made."""
        self.policy, self.template, self.name = policy, template, name
        self.slots = Slots(policy, places)
        self.limit = self.slots.limit
        self.size = int(policy.network.config.vocab_size)  # type: ignore[union-attr, arg-type]
        self.wishes: dict[int, Wish] = {}
        self.widest = self.longest = (
            0  # most answers side by side, and most tokens of one, since the last rest
        )
        self.mouths: dict[int, Mouth] = {}
        tokenizer = template.tokenizer
        first = tokenizer("", add_special_tokens=True)["input_ids"][:1]
        self.opening = [int(token) for token in first if token == tokenizer.bos_token_id]

    @property
    def busy(self) -> bool:
        """Whether anything grows or waits."""
        return self.slots.busy

    def read(self, messages: Sequence[Message]) -> list[int]:
        """A dialogue's ids, as in training."""
        return self.template.dialogue(messages)

    def encode(self, text: str) -> list[int]:
        """A plain text's ids."""
        return self.opening + self.template.encode(text)

    def spell(self, tokens: Sequence[int]) -> list[str]:
        """Each token's own text; a token that is part of a letter has none that can be shown."""
        tokenizer = self.policy.template.tokenizer
        return [str(tokenizer.decode([token], skip_special_tokens=False)) for token in tokens]

    def add(self, wish: Wish) -> int:
        """Ask for an answer; its number."""
        manner = Manner(wish.temperature, 0, wish.top_p) if wish.temperature else LIKELIEST
        request = Request(wish.prompt, wish.seed, wish.longest, manner, wish.ends, wish.tops)
        number = self.slots.add(request)
        self.wishes[number] = wish
        self.widest = max(self.widest, len(self.wishes))
        self.longest = max(self.longest, len(wish.prompt) + wish.longest)
        if wish.pieces:
            self.mouths[number] = Mouth(wish.ends, self.policy.template.decode)
        return number

    def cancel(self, number: int) -> None:
        """Forget an answer that waits or grows."""
        self.slots.cancel(number)
        self.wishes.pop(number, None)
        self.mouths.pop(number, None)

    def step(self) -> list[Heard]:
        """One more token for every answer, and what came of it."""
        heard = self.slots.step()
        ended = {said.number: said for said in heard.ended}
        found = []
        for number, token in heard.tokens:
            look = heard.looks.get(number)
            told = self._told(token, look) if look is not None else None
            mouth, said = self.mouths.get(number), ended.get(number)
            if said is None:
                piece = mouth.hear(token) if mouth else ""
                if piece or told:
                    found.append(Heard(number, piece, told))
                continue
            text = cut(self.policy.template.decode(said.tokens), self.wishes[number].ends)
            answer = Answer(text, said.finish, tuple(said.tokens), tuple(said.logprobs))
            found.append(Heard(number, mouth.last(text) if mouth else "", told, answer))
            self.wishes.pop(number)
            self.mouths.pop(number, None)
        if not self.busy and self.widest * self.longest > TOKENS:  # memory has the widest times the longest
            self.slots.decoder.rest()
            self.widest = self.longest = 0
        return found

    def likely(self, tokens: Sequence[int], tops: int) -> list[Token]:
        """What the network thinks of each token of a text but the first."""
        seen = reading(self.policy, tokens, tops)
        return [self._told(token, look) for token, look in zip(tokens[1:], seen, strict=True)]

    def _told(self, token: int, look: Look) -> Token:
        names = self.spell([token, *(one for one, _ in look.tops)])
        tops = tuple((name, value) for name, (_, value) in zip(names[1:], look.tops, strict=True))
        return Token(names[0], look.logprob, tops)
