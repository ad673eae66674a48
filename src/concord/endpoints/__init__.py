"""Chat endpoints: models that run elsewhere, asked over plain HTTP; nothing else in the house opens a connection."""

from concord.endpoints.chat import Chat, Question, Reply
from concord.endpoints.tally import Tally

__all__ = ["Chat", "Question", "Reply", "Tally"]
