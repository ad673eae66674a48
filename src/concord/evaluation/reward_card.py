"""The report card of a reward model, whole: where, how surely and for what wrong reasons it is right."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from concord.evaluation.intervals import Estimate, mean, share
from concord.evaluation.reward_ceiling import ceiling
from concord.evaluation.reward_lists import whole
from concord.evaluation.reward_quality import Listed, Pair, accuracy, accuracy_by, card, pairs
from concord.evaluation.reward_sureness import UNKNOWN, sureness


def reward_card(
    lists: Sequence[Listed],
    probes: Sequence[Mapping[str, Any]] = (),
    names: Sequence[str] = (),
    fitted: Sequence[Listed] = (),
) -> dict[str, Any]:
    """The card on some scored rankings; what cannot be measured on them is None.

    A list may name its `cluster`, a place in `names`, and whether that is `unseen`, of which nothing was learned.
    `fitted` are rankings that the model learned from: its accuracy on them is its fit, and told apart.
    """
    lists = [item for item in lists if len(item["texts"]) > 1]
    found = pairs(lists)
    if not found:
        return {"lists": len(lists), "pairs": 0, "accuracy": UNKNOWN, "probes": list(probes)}
    short = card(lists)
    assert short is not None, "there are pairs"
    sure = sureness(found)
    return {
        **short,
        "fit_accuracy": accuracy(pairs(fitted)) if fitted else None,
        "by_tag": accuracy_by(found, lambda pair: pair.item.get("tags") or ()),
        "by_annotator": accuracy_by(found, lambda pair: [pair.item.get("by")]),
        "by_writer": accuracy_by(found, writers),
        "same_length": accuracy([pair for pair in found if pair.longer == 0]),
        "length": length(found),
        "clusters": clusters(found, names),
        "calibration": {**short["calibration"], "ece_interval": sure.pop("ece"), **sure},
        "whole_lists": whole(lists),
        "people": ceiling(lists, credits_of(found)),
        "probes": list(probes),
    }


def writers(pair: Pair) -> list[str]:
    """Who wrote the two answers, as far as it is known."""
    known = pair.item.get("writers")
    return [known[place] for place in pair.places] if known else []


def length(found: Sequence[Pair]) -> dict[str, Estimate]:
    """How often the longer answer wins before the model and before those who ranked, and the lean between the two."""
    told = [pair for pair in found if pair.longer]
    prompts = [pair.prompt for pair in told]
    people = [float(pair.longer > 0) for pair in told]
    model = [pair.credit if pair.longer > 0 else 1 - pair.credit for pair in told]
    lean = [ours - theirs for ours, theirs in zip(model, people, strict=True)]
    off = mean(lean, prompts)
    if off["low"] is not None and off["high"] is not None:
        off["low"], off["high"] = max(-1.0, off["low"]), min(1.0, off["high"])
    return {"model": share(model, prompts), "people": share(people, prompts), "lean": off}


def clusters(found: Sequence[Pair], names: Sequence[str]) -> dict[str, Any] | None:
    """Accuracy on each group of prompts, and on all those of which nothing was learned; None without groups."""
    known = [pair for pair in found if pair.item.get("cluster") is not None]
    if not known or not names:
        return None
    told = [pair for pair in known if pair.item.get("unseen") is not None]
    unseen = [pair for pair in told if pair.item["unseen"]]
    seen = [pair for pair in told if not pair.item["unseen"]]
    each = []
    for place, name in enumerate(names):
        mine = [pair for pair in known if pair.item["cluster"] == place]
        if mine:
            each.append({"name": name, "unseen": mine[0].item.get("unseen"), "accuracy": accuracy(mine)})
    return {
        "unseen": accuracy(unseen) if told else None,
        "seen": accuracy(seen) if told else None,
        "each": sorted(each, key=lambda one: (one["accuracy"]["value"], one["name"])),
    }


def credits_of(found: Iterable[Pair]) -> dict[str, tuple[float, int]]:
    """The credit and the comparisons of each prompt."""
    sums: dict[str, tuple[float, int]] = {}
    for pair in found:
        credit, count = sums.get(pair.prompt, (0.0, 0))
        sums[pair.prompt] = credit + pair.credit, count + 1
    return sums
