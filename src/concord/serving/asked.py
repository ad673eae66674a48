"""What clients may ask: closed models with a bound on everything, so that nothing is read and then not obeyed."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from concord.records import Message
from concord.records.text import storable

LONGEST = 200_000
"""Characters of one text: a tokenizer takes more than linear time on a word without end."""
MOST_CHOICES, MOST_TOPS, MOST_ENDS = 128, 20, 4
MOST_TOKENS = 2**20


class Closed(BaseModel):
    """A closed set of fields: an unknown one is an error."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


Text = Annotated[str, Field(max_length=LONGEST), AfterValidator(storable)]
Short = Annotated[str, Field(max_length=200), AfterValidator(storable)]
Ending = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]
Count = Annotated[int, Field(ge=1, le=MOST_CHOICES)]
Limit = Annotated[int, Field(ge=1, le=MOST_TOKENS)]
Zero = Annotated[float, Field(ge=0, le=0)]
"""A knob that may stand at 0 alone: what it would do, this server does not."""
Tokens = Annotated[
    list[Annotated[int, Field(ge=0, le=2**31)]], Field(min_length=1, max_length=MOST_TOKENS, fail_fast=True)
]
"""Lists are given up at the first wrong value: to tell of each in a long one would keep all others waiting."""


class Part(Closed):
    """A part of a message's content."""

    type: Literal["text"]
    text: Text


class Turn(Closed):
    """One message of a dialogue."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(min_length=1, max_length=64, fail_fast=True)]
    name: Short | None = None
    """Taken and not used: templates have no place for it."""
    type: Literal["text"] | None = None
    refusal: None = None

    def message(self) -> Message:
        """The message as the house knows it."""
        content = self.content if isinstance(self.content, str) else "".join(one.text for one in self.content)
        return Message("system" if self.role == "developer" else self.role, content)


class StreamOptions(Closed):
    """How to stream."""

    include_usage: bool = False
    """Whether the last event tells how many tokens there were."""
    include_obfuscation: Literal[False] | None = None


class Format(Closed):
    """The form of the answer: plain text."""

    type: Literal["text"]


class Strategy(Closed):
    """What this server can do beyond a plain answer."""

    strategy: Literal["sample", "best_of_n"] = "best_of_n"
    """One draw for each choice, or the best of n by the reward model."""
    n: Count | None = None
    """Answers that are drawn; the server's own number if not given."""


class Asked(Closed):
    """What both kinds of requests share."""

    model: Short
    """As `/v1/models` lists it."""
    n: Count | None = None
    """Choices to return; 1 if not given."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """0 for the likeliest token at each place; 1 if not given."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the likeliest tokens that are drawn from; all if not given."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    """The same request with the same seed gets the same answer, whatever else is asked; random if not given."""
    stop: Ending | Annotated[list[Ending], Field(max_length=MOST_ENDS, fail_fast=True)] | None = None
    """Texts that end an answer and are no part of it."""
    stream: bool | None = None
    """Whether to send the answer as it comes."""
    stream_options: StreamOptions | None = None
    user: Short | None = None
    """Who asks, as the client calls them; neither used nor logged."""
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    concord: Strategy | None = None

    @property
    def ends(self) -> tuple[str, ...]:
        """The texts that end an answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class Chat(Asked):
    """A dialogue to be answered."""

    messages: Annotated[list[Turn], Field(min_length=1, max_length=1000, fail_fast=True)]
    """Ends before the assistant's turn."""
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    """Most tokens of an answer, by its newer name."""
    logprobs: bool | None = None
    """Whether to tell each token's log-probability."""
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_TOPS)] | None = None
    """How many of the likeliest tokens to tell at each place."""
    response_format: Format | None = None
    store: Literal[False] | None = None
    metadata: Annotated[dict[Short, Short], Field(max_length=16)] | None = None
    """Taken and not used."""
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none"] | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> "Chat":
        if self.messages[-1].role == "assistant":
            raise ValueError("the last message is the assistant's own; end with what it should answer")
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise ValueError("max_tokens and max_completion_tokens differ; give one")
        return self

    @property
    def limit(self) -> int | None:
        """Most tokens of an answer, by either name."""
        return self.max_completion_tokens or self.max_tokens


class Plain(Asked):
    """A text, or several, to be gone on with."""

    prompt: (
        Text
        | Tokens
        | Annotated[list[Text], Field(min_length=1, max_length=MOST_CHOICES, fail_fast=True)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MOST_CHOICES, fail_fast=True)]
    )
    """Texts, or their ids; an id is what it is, also where it is a control token."""
    max_tokens: Annotated[int, Field(ge=0, le=MOST_TOKENS)] | None = 16
    """Most tokens of an answer; 0 with echo, to hear of the prompt alone."""
    logprobs: Annotated[int, Field(ge=0, le=MOST_TOPS)] | None = None
    """How many of the likeliest tokens to tell at each place."""
    echo: bool | None = None
    """Whether the prompt comes before the answer, with its log-probabilities if any are asked for."""
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None
    suffix: None = None

    @model_validator(mode="after")
    def _is_sound(self) -> "Plain":
        if self.max_tokens == 0 and not self.echo:
            raise ValueError("max_tokens is 0, which asks for nothing; set echo to hear of the prompt")
        if self.stream and (self.echo or len(self.prompts) > 1):
            raise ValueError("a stream has one prompt and no echo")
        if len(self.prompts) * (self.n or 1) > MOST_CHOICES:
            raise ValueError(f"prompts times n may be {MOST_CHOICES} at most")
        return self

    @property
    def prompts(self) -> list[str | list[int]]:
        """Every prompt, as text or as ids."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        if isinstance(given[0], int):
            return [[token for token in given if isinstance(token, int)]]
        return [one for one in given if not isinstance(one, int)]


class Feedback(Closed):
    """What somebody thought of an answer."""

    id: Short
    """The id of the answer."""
    choice: Annotated[int, Field(ge=0, lt=MOST_CHOICES)] = 0
    """Which of its choices."""
    thumbs: Literal["up", "down"] | None = None
    score: float | None = None
    """A number; higher is better."""
    correction: Text | None = None
    """A better answer."""
    comment: Annotated[str, Field(max_length=10_000), AfterValidator(storable)] | None = None
    name: Short | None = None
    """What was asked of whoever answered, if there is more than one question."""

    @model_validator(mode="after")
    def _says_something(self) -> "Feedback":
        if self.thumbs is None and self.score is None and self.correction is None and not self.comment:
            raise ValueError("give at least one of thumbs, score, correction and comment")
        return self


class Score(BaseModel):
    """A score as Langfuse writes it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)

    traceId: Short
    name: Short
    value: float | Short
    dataType: Literal["NUMERIC", "CATEGORICAL", "BOOLEAN"] | None = None
    comment: Annotated[str, Field(max_length=10_000), AfterValidator(storable)] | None = None

    def feedback(self) -> Feedback:
        """The same in our own form: yes and no, and words for them, are thumbs; other numbers are scores."""
        value = self.value
        fields: dict[str, Any] = {"id": self.traceId, "name": self.name, "comment": self.comment}
        if isinstance(value, str):
            word = value.strip().lower()
            if word not in UP | DOWN:
                raise ValueError(f"value is {value!r}; a category is one of {', '.join(sorted(UP | DOWN))}")
            return Feedback(**fields, thumbs="up" if word in UP else "down")
        if self.dataType == "BOOLEAN":
            if value not in (0.0, 1.0):
                raise ValueError("value of a BOOLEAN is 0 or 1")
            return Feedback(**fields, thumbs="up" if value else "down")
        return Feedback(**fields, score=value)


UP, DOWN = (
    frozenset({"up", "good", "true", "positive", "yes"}),
    frozenset({"down", "bad", "false", "negative", "no"}),
)
