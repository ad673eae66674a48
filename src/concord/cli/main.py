"""The command line: `concord VERB ...`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from concord.cli import (
    answers,
    card,
    data,
    demo,
    doctor,
    drift,
    explain,
    make,
    mirror,
    next,
    serve,
    show,
    stage,
    suites,
    web,
)
from concord.cli.parser import Verb
from concord.cli.voice import PIPE_CLOSED, Voice
from concord.errors import ConcordError, SettingsError, StoreError
from concord.machine import keep_freed_memory, settle_environment

INTERRUPTED = 130

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        demo.INIT,
        make.MAKE_VERB,
        data.IMPORT,
        data.EXPORT,
        *stage.STAGES,
        answers.ANSWERS,
        card.CARD,
        suites.SUITES,
        stage.RUN,
        next.NEXT,
        web.WEB,
        serve.SERVE,
        drift.DRIFT,
        show.SHOW,
        explain.EXPLAIN,
        mirror.MIRROR,
        doctor.DOCTOR,
        demo.DEMO,
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    settle_environment()
    keep_freed_memory()
    words = list(sys.argv[1:] if argv is None else argv)
    voice = Voice("--json" in words)
    try:
        with voice.alone():
            stand()
            return obey(words, voice)
    except ConcordError as error:
        return voice.complain(str(error), type(error).__name__, error.exit_code)
    except KeyboardInterrupt:
        again = "Stopped. What was finished is kept; give the same command again to go on."
        return voice.complain(again, "Interrupted", INTERRUPTED)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        if voice.as_json and code not in (0, PIPE_CLOSED):
            voice.complain(f"Stopped with exit code {code}.", "Stopped", code)
        return code
    except OSError as error:
        from concord.records import files

        if error.errno not in (*files.FULL, *files.RIGHTS) or error.filename is None:
            raise  # a bug
        told = files.explain(error, Path(os.fsdecode(error.filename)))
        return voice.complain(str(told), type(told).__name__, told.exit_code)
    except Exception as error:
        # Not one of ours, so a bug: its traceback follows, and Python exits with 1.
        if voice.as_json:
            voice.complain(f"{type(error).__name__}: {error}", "Bug", 1)
        raise


def stand() -> None:
    """Refuse to work in a folder that was deleted under the shell: every path would lead nowhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise StoreError("The folder that you are in was deleted. Change to one that is there.") from None


def obey(words: list[str], voice: Voice) -> int:
    """Find the verb and let it act."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help"):
        voice.tell(overview(), {"verbs": {name: verb.sentence for name, verb in VERBS.items()}})
        return 0
    if first == "--version":
        from concord import __version__

        voice.tell([f"concord {__version__}"], {"concord": __version__})
        return 0
    if (pair := " ".join(words[:2])) in VERBS:
        return act(pair, words[2:], voice)
    if first not in VERBS:
        raise SettingsError(not_a_verb(first))
    return act(first, words[1:], voice)


def act(name: str, words: list[str], voice: Voice) -> int:
    """Let a verb act; some verbs are two words, such as `evaluate reward`."""
    verb = VERBS[name]
    return verb.act(verb.parser().read(words), voice)


def overview() -> list[str]:
    """What `concord --help` prints."""
    width = max(map(len, VERBS))
    verbs = [f"  {name:{width}} {verb.sentence}" for name, verb in VERBS.items()]
    return [
        "usage: concord VERB ...",
        "",
        "Turns people's preferences into a better model and proves that it is better.",
        "",
        *verbs,
        "",
        "`concord VERB --help` tells more. A first run: `concord init first`, then",
        "`concord run first/recipe.yaml`.",
    ]


def not_a_verb(word: str) -> str:
    """What to say of a word that is no verb."""
    from difflib import get_close_matches

    if word.startswith("-"):
        return f"`{word}` stands before the verb. Give the verb first: `concord VERB {word}`."
    if Path(word).suffix in (".yaml", ".yml"):
        return f"`{word}` is not a verb. Did you mean `concord run {word}`?"
    near = get_close_matches(word, VERBS, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"The verbs are {', '.join(VERBS)}."
    return f"`{word}` is not a verb. {hint}"
