"""The table of formats: every shape of row that is known."""

from concord.formats import (
    chat,
    columns,
    factory,
    hh,
    judged,
    labels,
    lists,
    native_guidance,
    native_judgement,
    native_text,
    tools,
    trees,
    trl,
)
from concord.formats.shape import (
    Format,
    each_has,
    has,
    is_answered,
    is_asked,
    is_flag,
    is_list,
    is_number,
    is_object,
    is_objects,
    is_prompt,
    is_said,
    is_text,
    is_texts,
    is_transcript,
)

GUIDED = frozenset(
    {
        "chosen",
        "rejected",
        "rejected_response",
        "completion",
        "completions",
        "text",
        "value",
        "steps",
        "tiers",
    }
)
PAIR = frozenset({"chosen", "rejected"})
LABEL = frozenset({"label"})
SCHEMA = frozenset({"schema"})
TAG = frozenset({"kto_tag"})

FORMATS: dict[str, Format] = {
    "concord-prompts": Format(
        "prompts", native_text.read_prompt, native_text.write_prompt,
        {"messages": is_asked, "prompt": is_text}, frozenset({"messages", "prompt"}), GUIDED | LABEL,
    ),
    "trl-prompts": Format(
        "prompts", trl.read_chat_prompt, trl.write_chat_prompt,
        {"prompt": is_list}, frozenset({"prompt"}), GUIDED | LABEL,
    ),
    "concord-completions": Format(
        "completions", native_text.read_completion, native_text.write_completion,
        {"prompt": is_prompt, "text": is_text}, frozenset({"text"}),
    ),
    "alpacaeval-outputs": Format(
        "completions", judged.read_output, judged.write_output,
        {"instruction": is_text, "output": is_text, "generator": is_text}, frozenset({"generator"}),
    ),
    "concord-demonstrations": Format(
        "demonstrations", native_text.read_demonstration, native_text.write_demonstration,
        {"prompt": is_prompt, "completion": is_text}, frozenset({"completion"}),
        frozenset({"value", "steps", "marks"}),
    ),
    "trl-prompt-completion": Format(
        "demonstrations", trl.read_chat_completion, trl.write_chat_completion,
        {"prompt": is_list, "completion": is_list}, frozenset({"completion"}), LABEL,
    ),
    "openai-chat": Format(
        "demonstrations", chat.read_chat, chat.write_chat,
        {"messages": is_answered}, frozenset({"messages"}), GUIDED | LABEL,
    ),
    "alpaca": Format(
        "demonstrations", factory.read_alpaca, factory.write_alpaca,
        {"instruction": is_text, "output": is_text}, frozenset({"output"}), TAG | {"generator"},
    ),
    "sharegpt": Format(
        "demonstrations", factory.read_sharegpt, factory.write_sharegpt,
        {"conversations": is_objects}, frozenset({"conversations"}), TAG | PAIR,
    ),
    "concord-rankings": Format(
        "rankings", native_guidance.read_ranking, native_guidance.write_ranking,
        {"prompt": is_prompt, "completions": is_list, "tiers": is_list}, frozenset({"tiers"}), SCHEMA,
    ),
    "hh": Format(
        "rankings", hh.read_hh, hh.write_hh,
        {"chosen": is_transcript, "rejected": is_transcript}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference-implicit": Format(
        "rankings", trl.read_implicit, None,
        {"chosen": is_text, "rejected": is_text}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference-chat-implicit": Format(
        "rankings", trl.read_chat_implicit, None,
        {"chosen": is_list, "rejected": is_list}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference": Format(
        "rankings", trl.read_preference, trl.write_preference,
        {"prompt": is_text, "chosen": is_text, "rejected": is_text}, PAIR,
    ),
    "trl-preference-chat": Format(
        "rankings", trl.read_chat_preference, trl.write_chat_preference,
        {"prompt": is_list, "chosen": is_list, "rejected": is_list}, PAIR,
    ),
    "openai-preference": Format(
        "rankings", chat.read_openai_pair, chat.write_openai_pair,
        {"input": is_object}, frozenset({"preferred_output", "preferred_completion"}),
    ),
    "ms-swift": Format(
        "rankings", chat.read_swift, chat.write_swift,
        {"messages": is_answered, "rejected_response": is_text}, frozenset({"rejected_response"}),
    ),
    "alpaca-preference": Format(
        "rankings", factory.read_alpaca_pair, factory.write_alpaca_pair,
        {"instruction": is_text, "chosen": is_text, "rejected": is_text}, frozenset({"instruction"}),
    ),
    "sharegpt-preference": Format(
        "rankings", factory.read_sharegpt_pair, factory.write_sharegpt_pair,
        {"conversations": is_objects, "chosen": is_object, "rejected": is_object}, PAIR,
    ),
    "nemo-rank": Format(
        "rankings", lists.read_nemo, lists.write_nemo,
        {"context": is_list, "completions": each_has("rank", "completion")}, frozenset({"context"}),
    ),
    "nectar": Format(
        "rankings", lists.read_nectar, lists.write_nectar,
        {"prompt": is_transcript, "answers": each_has("answer", "rank")}, frozenset({"answers"}),
    ),
    "scored-list": Format(
        "rankings", lists.read_scored, lists.write_scored,
        {"prompt": is_text, "completions": each_has("text", "score")}, frozenset({"completions"}),
        frozenset({"tiers"}), {"ratings": (lists.read_scored_ratings, None)},
    ),
    "rated-list": Format(
        "rankings", lists.read_rated, lists.write_rated,
        {"instruction": is_text, "generations": is_list, "ratings": is_list}, frozenset({"generations"}),
        also={"ratings": (lists.read_rated_ratings, None)},
    ),
    "ultrafeedback": Format(
        "rankings", judged.read_ultra, None,
        {"instruction": is_text, "completions": each_has("response", "annotations")},
        frozenset({"completions"}), also={"ratings": (judged.read_ultra_ratings, None)},
    ),
    "ultrafeedback-binarized": Format(
        "rankings", columns.read_binarized, columns.write_binarized,
        {"prompt": is_text, "chosen": is_answered, "rejected": is_answered}, PAIR,
    ),
    "rewardbench": Format(
        "rankings", columns.read_bench, columns.write_bench,
        {"prompt": is_text, "chosen": is_text, "rejected": is_text, "chosen_model": is_text,
         "rejected_model": is_text}, frozenset({"chosen_model", "rejected_model"}),
    ),
    "rewardbench-2": Format(
        "rankings", lists.read_bench_lists, lists.write_bench_lists,
        {"prompt": is_text, "chosen": is_texts, "rejected": is_texts}, PAIR,
    ),
    "arena": Format(
        "rankings", columns.read_arena, columns.write_arena,
        {"winner": is_text, "conversation_a": is_list, "conversation_b": is_list}, frozenset({"winner"}),
    ),
    "alpacaeval-verdicts": Format(
        "rankings", judged.read_verdict, judged.write_verdict,
        {"instruction": is_text, "output_1": is_text, "output_2": is_text, "preference": is_number},
        frozenset({"preference"}),
    ),
    "shp": Format(
        "rankings", columns.read_shp, columns.write_shp,
        {"history": is_text, "human_ref_A": is_text, "human_ref_B": is_text, "labels": is_number},
        frozenset({"human_ref_A", "human_ref_B"}),
    ),
    "helpsteer3": Format(
        "rankings", columns.read_steer_pair, columns.write_steer_pair,
        {"context": is_list, "response1": is_text, "response2": is_text, "overall_preference": is_number},
        frozenset({"overall_preference"}),
    ),
    "summarize": Format(
        "rankings", columns.read_summary, columns.write_summary,
        {"info": is_object, "summaries": is_list, "choice": is_number}, frozenset({"summaries"}),
    ),
    "oasst": Format(
        "rankings", trees.read_oasst, None,
        {"message_tree_id": is_text, "prompt": has("text", "role")}, frozenset({"message_tree_id"}),
        also={"demonstrations": (trees.read_oasst_best, None)},
    ),
    "label-studio": Format(
        "rankings", tools.read_studio, tools.write_studio,
        {"data": is_object, "annotations": is_list}, frozenset({"annotations"}),
    ),
    "argilla": Format(
        "rankings", tools.read_argilla, tools.write_argilla,
        {"fields": is_object, "responses": is_object}, frozenset({"responses"}),
    ),
    "concord-ratings": Format(
        "ratings", native_guidance.read_rating, native_guidance.write_rating,
        {"prompt": is_prompt, "completion": is_said, "value": is_number}, frozenset({"value"}),
    ),
    "trl-kto": Format(
        "ratings", labels.read_kto, labels.write_kto,
        {"prompt": is_text, "completion": is_text, "label": is_flag}, LABEL,
        also={"rankings": (None, labels.rank_kto)},
    ),
    "trl-kto-chat": Format(
        "ratings", labels.read_kto_chat, labels.write_kto_chat,
        {"prompt": is_list, "completion": is_list, "label": is_flag}, LABEL,
        also={"rankings": (None, labels.rank_kto_chat)},
    ),
    "alpaca-kto": Format(
        "ratings", factory.read_alpaca_label, factory.write_alpaca_label,
        {"instruction": is_text, "output": is_text, "kto_tag": is_flag}, frozenset({"instruction"}),
        also={"rankings": (None, factory.rank_alpaca_label)},
    ),
    "sharegpt-kto": Format(
        "ratings", factory.read_sharegpt_label, factory.write_sharegpt_label,
        {"conversations": is_objects, "kto_tag": is_flag}, TAG,
        also={"rankings": (None, factory.rank_sharegpt_label)},
    ),
    "helpsteer2": Format(
        "ratings", columns.read_steer, None,
        {"prompt": is_text, "response": is_text, "helpfulness": is_number, "coherence": is_number},
        frozenset({"helpfulness"}),
    ),
    "concord-steps": Format(
        "steps", native_guidance.read_step_labels, native_guidance.write_step_labels,
        {"prompt": is_prompt, "completion": is_said, "steps": is_list, "marks": is_list},
        frozenset({"steps", "marks"}),
    ),
    "trl-stepwise": Format(
        "steps", labels.read_stepwise, labels.write_stepwise,
        {"prompt": is_text, "completions": is_texts, "labels": is_list}, frozenset({"labels"}),
    ),
    "concord-judgements": Format(
        "judgements", native_judgement.read_judgement, native_judgement.write_judgement,
        {"schema": is_text, "prompt": is_prompt, "completions": is_list, "tiers": is_list}, SCHEMA,
        also={
            "rankings": (native_judgement.read_rankings, None),
            "ratings": (native_judgement.read_ratings, None),
            "demonstrations": (native_judgement.read_demonstrations, None),
        },
    ),
}  # fmt: skip
"""Every format by its name. Of two that fit equally well, the one that stands first is taken: so the
shapes without a prompt stand before those with one, to which they would look like a slip."""
