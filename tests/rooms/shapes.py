"""One hand-made row of every format, as its tool writes it."""

from typing import Any

USER = {"role": "user", "content": "Name a river."}
RHINE = {"role": "assistant", "content": "The Rhine."}
ETNA = {"role": "assistant", "content": "Etna."}
HELLO = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]
TRANSCRIPT = "\n\nHuman: Hello\n\nAssistant: Hello!\n\nHuman: Name a river.\n\nAssistant:"
ASKED = {"from": "human", "value": "Name a river."}
SAID = {"from": "gpt", "value": "The Rhine."}
ITEMS = [
    {"id": "x", "body": "Etna."},
    {"id": "y", "title": "the Rhine", "body": "The Rhine."},
    {"id": 3, "body": "The Po."},
]


def studio(order: Any, **more: Any) -> dict[str, Any]:
    """A task of Label Studio whose one ranker says this."""
    result = {"type": "ranker", "from_name": "rank", "to_name": "results", "value": {"ranker": order}}
    annotation = {"id": 1, "completed_by": 7, "was_cancelled": False, "result": [result], **more}
    return {"id": 5, "data": {"question": "Name a river.", "items": ITEMS}, "annotations": [annotation]}


def argilla(value: Any, **more: Any) -> dict[str, Any]:
    """A record of Argilla whose one response says this."""
    held = {
        "prompt": "Name a river.",
        "response-1": "Etna.",
        "response-2": "The Rhine.",
        "response-3": "The Po.",
    }
    return {"id": "r", "fields": held, "responses": {"order": [{"value": value, "user_id": "u1", **more}]}}


def leaf(name: str, text: str, rank: int | None, **more: Any) -> dict[str, Any]:
    """An assistant's reply in a message tree."""
    return {"message_id": name, "role": "assistant", "text": text, "rank": rank, "replies": [], **more}


def ranked_by(user: str, *names: str, bad: bool = False) -> dict[str, Any]:
    """The event that a person put replies in this order, best first."""
    return {
        "type": "ranking",
        "user_id": user,
        "ranking": [0],
        "ranked_message_ids": list(names),
        "not_rankable": bad,
    }


REPLIES = [
    leaf("a", "Etna.", 1),
    leaf("b", "The Rhine.", 0, user_id="u2"),
    leaf("c", "Stop.", None, deleted=True),
]
TREE: dict[str, Any] = {
    "message_tree_id": "t",
    "prompt": {
        "message_id": "p", "role": "prompter", "text": "Name a river.", "replies": REPLIES,
        "events": {"ranking": [ranked_by("u1", "b", "a"), ranked_by("u3", "a", "b", bad=True)]},
    },
}  # fmt: skip
ULTRA: dict[str, Any] = {
    "source": "evol", "instruction": "Name a river.", "models": ["m1", "m2", "m3"],
    "completions": [
        {"model": "m1", "response": "Etna.", "overall_score": 10, "annotations": {
            "helpfulness": {"Rating": "2", "Rationale": "-"}, "honesty": {"Rating": "3"},
            "truthfulness": {"Rating": "N/A"}}},
        {"model": "m2", "response": "The Rhine.", "overall_score": 1, "annotations": {
            "helpfulness": {"Rating": "5"}, "honesty": {"Rating": "4"}}},
        {"model": "m3", "response": "The Po.", "annotations": {"helpfulness": {"Rating": 4.5}}},
    ],
}  # fmt: skip

SHAPES: dict[str, dict[str, Any]] = {
    "concord-prompts": {"messages": [USER]},
    "trl-prompts": {"prompt": [USER]},
    "concord-completions": {"prompt": {"messages": [USER]}, "text": "x"},
    "alpacaeval-outputs": {"instruction": "x", "output": "y", "generator": "m", "dataset": "d"},
    "concord-demonstrations": {"prompt": "x", "completion": "y"},
    "trl-prompt-completion": {"prompt": [USER], "completion": [RHINE]},
    "openai-chat": {"messages": [USER, RHINE]},
    "alpaca": {"instruction": "Name a river", "input": "in Italy.", "output": "The Po.", "system": "Be kind.",
               "history": [["Hello", "Hello!"]]},
    "sharegpt": {"conversations": [ASKED, SAID], "system": "Be kind."},
    "concord-rankings": {"prompt": {"messages": [USER]}, "completions": ["a", "b"], "tiers": [[0], [1]]},
    "hh": {"chosen": f"{TRANSCRIPT} a", "rejected": f"{TRANSCRIPT} b"},
    "trl-preference": {"prompt": "x", "chosen": "a", "rejected": "b"},
    "trl-preference-chat": {"prompt": [USER], "chosen": [RHINE], "rejected": [ETNA]},
    "trl-preference-implicit": {"chosen": "The sky is blue.", "rejected": "The sky is green."},
    "trl-preference-chat-implicit": {"chosen": [USER, RHINE], "rejected": [USER, ETNA]},
    "openai-preference": {"input": {"messages": [USER]}, "preferred_output": [RHINE], "non_preferred_output": [ETNA]},
    "ms-swift": {"messages": [USER, RHINE], "rejected_response": "Etna."},
    "alpaca-preference": {"instruction": "Name a river.", "input": "", "chosen": "The Rhine.", "rejected": "Etna."},
    "sharegpt-preference": {"conversations": [ASKED], "chosen": SAID, "rejected": {"from": "gpt", "value": "Etna."}},
    "nemo-rank": {"context": [USER], "completions": [
        {"rank": 1, "completion": [ETNA]}, {"rank": 0, "completion": [RHINE]}]},
    "nectar": {"prompt": f"{TRANSCRIPT} ", "turns": 2, "answers": [
        {"answer": "Etna.", "model": "m1", "rank": 2.0}, {"answer": "The Rhine.", "model": "m2", "rank": 1.0}]},
    "scored-list": {"prompt": "Name a river.", "completions": [
        {"model": "m1", "text": "Etna.", "score": 0.1}, {"model": "m2", "text": "The Rhine.", "score": 0.9}]},
    "rated-list": {"instruction": "Name a river.", "generations": ["Etna.", "The Rhine."],
                   "generation_models": ["m1", "m2"], "ratings": [1, 4.5], "rationales": ["-", "-"]},
    "ultrafeedback": ULTRA,
    "ultrafeedback-binarized": {"prompt": "Name a river.", "prompt_id": "p", "chosen": [USER, RHINE],
                                "rejected": [USER, ETNA], "score_chosen": 8.0, "score_rejected": 2.0},
    "rewardbench": {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "Etna.", "chosen_model": "m2",
                    "rejected_model": "m1", "subset": "easy", "id": 7},
    "rewardbench-2": {"id": "4", "prompt": "Name a river.", "chosen": ["The Rhine.", "The Po."], "rejected": ["Etna."],
                      "num_correct": 2, "total_completions": 3, "subset": "Ties"},
    "arena": {"model_a": "m1", "model_b": "m2", "winner": "model_b", "conversation_a": [USER, ETNA],
              "conversation_b": [USER, RHINE], "judge": "u1", "turn": 1, "language": "English", "tstamp": 1.5},
    "alpacaeval-verdicts": {"instruction": "Name a river.", "output_1": "Etna.", "output_2": "The Rhine.",
                            "generator_1": "m1", "generator_2": "m2", "annotator": "judge", "preference": 1.93},
    "shp": {"history": "Name a river.", "human_ref_A": "Etna.", "human_ref_B": "The Rhine.", "labels": 0, "score_A": 3,
            "score_B": 9},
    "helpsteer3": {"context": [USER], "response1": "Etna.", "response2": "The Rhine.", "overall_preference": 3},
    "summarize": {"info": {"id": "i", "post": "Name a river."}, "worker": "u1", "choice": 1, "summaries": [
        {"text": "Etna.", "policy": "m1"}, {"text": "The Rhine.", "policy": "m2"}]},
    "oasst": TREE,
    "label-studio": studio(["y", 3, "x"]),
    "argilla": argilla([{"value": "response-1", "rank": 2}, {"value": "response-2", "rank": 1},
                        {"value": "response-3", "rank": 2}]),
    "concord-ratings": {"prompt": "x", "completion": {"text": "y"}, "value": 3},
    "trl-kto": {"prompt": "x", "completion": "y", "label": False},
    "trl-kto-chat": {"prompt": [USER], "completion": [RHINE], "label": True},
    "alpaca-kto": {"instruction": "x", "input": "", "output": "y", "kto_tag": True},
    "sharegpt-kto": {"conversations": [ASKED, SAID], "kto_tag": False},
    "helpsteer2": {"prompt": "c#", "response": "y", "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 2,
                   "verbosity": 1},
    "concord-steps": {"prompt": "x", "steps": ["y"], "marks": ["correct"]},
    "trl-stepwise": {"prompt": "2 + 2 * 2?", "completions": ["2 * 2 = 4.", "So 8."], "labels": [True, False]},
    "concord-judgements": {"schema": "concord.judgement/1", "prompt": "Name a river.",
                           "completions": ["Etna.", "The Rhine.", "The Po."],
                           "tiers": [[1], [0]], "unranked": [2], "by": "u1", "aspects": {"true": {"0": 1, "1": 5}},
                           "edits": {"0": "Mount Etna.", "1": "The Rhone."}, "comment": "hm",
                           "active_seconds": 38.2, "idle_seconds": 4,
                           "guideline": 3, "revision": 2, "shown": [2, 0, 1], "created": "2026-11-20T16:00:00Z"},
}  # fmt: skip
