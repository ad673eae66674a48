"""`concord serve`: a policy behind an OpenAI-compatible endpoint."""

import argparse
from pathlib import Path

from concord.cli.parser import PORTS, Parser, Verb, count
from concord.cli.voice import Voice


def serve(args: argparse.Namespace, voice: Voice) -> int:
    """Serve a policy until stopped."""
    from concord.serving.app import EVERYBODY
    from concord.serving.server import Front, keys_in

    keys = keys_in(args.token_file) if args.token_file else EVERYBODY
    front = Front(args.host, args.port, args.name, keys)
    front.check()  # before the libraries and the model are loaded
    from concord.stages.serve import Wanted, run, served

    wanted = Wanted(
        args.model,
        args.reward,
        args.best_of,
        args.log,
        not args.no_text,
        args.places,
        args.queue,
        args.device,
    )
    with served(wanted, front) as (server, about):
        lines = [
            f"{about['model']} is served on {about['url']}. Ctrl-C stops, once what is asked is answered."
        ]
        lines += [about["notice"]] if about["notice"] else []
        if args.log:
            kept = "hashes and lengths" if args.no_text else "questions and answers"
            lines.append(f"{args.log} keeps {kept}; `concord drift {args.log} --against RUN` reads it.")
        voice.tell(lines, {"serve": about})
        run(server)
    return 0


def asks(parser: Parser) -> None:
    """What `serve` is told."""
    add = parser.add_argument
    add("model", metavar="RUN|FOLDER", help="a run, whose candidate is served, a model's folder, or starter")
    add("--host", metavar="ADDRESS", default="127.0.0.1", help="where to listen (default: 127.0.0.1)")
    add(
        "--port",
        metavar="N",
        type=count(*PORTS),
        default=8643,
        help="the port, 0 for any free one (default: 8643)",
    )
    add("--name", metavar="HOST", help="the name that clients use, if it is another: that of a proxy")
    add("--token-file", metavar="FILE", type=Path, help="tokens of which clients must send one, a line each")
    add("--log", metavar="DIR", type=Path, help="keep requests and feedback in this folder")
    add("--no-text", action="store_true", help="keep hashes and lengths alone, no words")
    add("--reward", metavar="DIR", type=Path, help="a reward model or a run: every answer is scored")
    add(
        "--best-of",
        metavar="N",
        type=count(1),
        default=1,
        help="answer with the best of N by the reward model",
    )
    add(
        "--places",
        metavar="N",
        type=count(1),
        default=256,
        help="answers that grow side by side (default: 256)",
    )
    add(
        "--queue",
        metavar="N",
        type=count(0),
        default=64,
        help="answers that may wait beside them (default: 64)",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")


SERVE = Verb("serve", "Serve a policy to clients of OpenAI's interface.", asks, serve)
