"""How fast a policy is served, beside plain generation one by one: `python -m benchmarks.serving [FOLDER]`.

Clients ask `concord serve` over HTTP, so many at a time; plain generation is `generate` of transformers with its cache
in this process, a prompt after the other, before the clients of each count come. Both draw at temperature 1, at most
LONGEST tokens, and stop where the model stops; tokens are those that were really drawn.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import torch

from concord.models import Policy, choose
from concord.records import Message, Prompt
from concord.stages.plan import bundled
from concord.world.requests import KINDS, requests_of, wordings

CLIENTS = (1, 8, 32)
EACH, ALONE, ROUNDS, LONGEST = 8, 24, 3, 64
"""Requests of a client, prompts of plain generation, how often both take turns, and most tokens of an answer."""


def questions() -> list[str]:
    """What people in Milford ask."""
    return [wordings(one, False)[0] for kind in KINDS for one in requests_of(kind)[:8]]


@contextmanager
def served(model: str, more: Sequence[str] = ()) -> Iterator[str]:
    """The address of a server of its own."""
    words = [sys.executable, "-m", "concord", "serve", model, "--port", "0", "--json", *more]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout is not None
        url = str(json.loads(process.stdout.readline())["serve"]["url"])
        while True:
            try:
                httpx2.get(url.removesuffix("/v1") + "/healthz")
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(60)


async def ask(url: str, name: str, clients: int) -> dict[str, float]:
    """So many clients, each asking one question after the other."""
    texts, took, tokens = questions(), list[float](), list[int]()

    async def client(number: int, line: httpx2.AsyncClient) -> None:
        for turn in range(EACH):
            text = texts[(number * EACH + turn) % len(texts)]
            body = {"model": name, "messages": [{"role": "user", "content": text}], "max_tokens": LONGEST}
            began = time.perf_counter()
            reply = await line.post(f"{url}/chat/completions", json={**body, "seed": number * EACH + turn})
            took.append(time.perf_counter() - began)
            tokens.append(reply.raise_for_status().json()["usage"]["completion_tokens"])

    began = time.perf_counter()
    async with httpx2.AsyncClient(timeout=600) as line:
        await asyncio.gather(*(client(number, line) for number in range(clients)))
    seconds = time.perf_counter() - began
    took.sort()
    return {
        "requests_per_second": len(took) / seconds,
        "tokens_per_second": sum(tokens) / seconds,
        "median_seconds": median(took),
        "p95_seconds": took[int(0.95 * (len(took) - 1))],
    }


def plainly(policy: Policy, round_: int) -> dict[str, float]:
    """`generate`, one prompt after the other."""
    network: Any = policy.network
    torch.manual_seed(round_)
    tokens, began = 0, time.perf_counter()
    for text in questions()[:ALONE]:
        ids = torch.tensor([policy.template.prompt(Prompt((Message("user", text),)))])
        with torch.inference_mode():
            said = network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                top_k=0,
                max_new_tokens=LONGEST,
                eos_token_id=sorted(policy.template.stops.tokens),
                pad_token_id=0,
            )
        tokens += said.shape[1] - ids.shape[1]
    seconds = time.perf_counter() - began
    return {"requests_per_second": ALONE / seconds, "tokens_per_second": tokens / seconds}


def measure(model: str) -> list[dict[str, Any]]:
    """A row for each count of clients: medians over rounds that take turns with plain generation."""
    folder = bundled() if model == "starter" else Path(model)
    policy = Policy.load(folder, choose("cpu", "float32"))
    rows = []
    with served(model) as url:
        name = httpx2.get(f"{url}/models").json()["data"][0]["id"]
        asyncio.run(ask(url, name, 2))
        plainly(policy, 0)
        for clients in CLIENTS:
            alone, ours = [], []
            for round_ in range(ROUNDS):
                alone.append(plainly(policy, round_))
                ours.append(asyncio.run(ask(url, name, clients)))
            row = {key: median(one[key] for one in ours) for key in ours[0]}
            plain = {f"plain_{key}": median(one[key] for one in alone) for key in alone[0]}
            rows.append({"clients": clients, **row, **plain, "ratio": ratio(ours, alone)})
    return rows


def ratio(ours: Sequence[dict[str, float]], alone: Sequence[dict[str, float]]) -> float:
    """How many times the tokens of plain generation: the median over rounds."""
    pairs = zip(ours, alone, strict=True)
    return median(mine["tokens_per_second"] / theirs["tokens_per_second"] for mine, theirs in pairs)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="starter")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = measure(args.model)
    print("clients  requests/s  tokens/s  median s  p95 s  plain tokens/s  ratio")
    for row in rows:
        print(
            f"{row['clients']:7}  {row['requests_per_second']:10.1f}  {row['tokens_per_second']:8.0f}  "
            f"{row['median_seconds']:8.3f}  {row['p95_seconds']:5.3f}  {row['plain_tokens_per_second']:14.0f}  "
            f"{row['ratio']:5.1f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
