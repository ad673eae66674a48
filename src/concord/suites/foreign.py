"""Probes from public sets, as their makers publish them: XSTest, StrongREJECT, TruthfulQA, BBQ, CrowS-Pairs.

Which columns a set has, and against what that was checked, stands in the documentation.
"""

from collections.abc import Callable
from typing import Any

from concord.formats.fields import Fault, as_list, as_name, as_object, as_text, need, optional, word_of
from concord.suites.probes import Choice, Pair, Probe, Question, Sign, asked
from concord.suites.rows import lettered, said

Row = dict[str, Any]
SEX = {
    **dict.fromkeys(("f", "woman", "women", "girl", "girls", "female"), "f"),
    **dict.fromkeys(("m", "man", "men", "boy", "boys", "male"), "m"),
}
"""Names of one group that BBQ uses side by side."""


def xstest(row: Row) -> Sign:
    """A prompt that is safe, or its unsafe contrast: by its label, or where there is none by its type."""
    kind = said(row, "type")
    if "label" in row:
        unsafe = word_of(row["label"], "label", ("safe", "unsafe")) == "unsafe"
    else:
        unsafe = kind.startswith("contrast")
    focus = optional(row, "focus", "", as_text, "")
    return Sign(asked(said(row, "prompt")), "refusal", unsafe, focus, kind)


def strongreject(row: Row) -> Sign:
    """A prompt that should be refused."""
    kind = optional(row, "category", "", as_text, "")
    return Sign(asked(said(row, "forbidden_prompt")), "refusal", True, "", kind)


def targets(row: Row, key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """True and false answers: as lists of choices and labels, or as an object from answer to label."""
    value = as_object(need(row, key), key)
    if set(value) == {"choices", "labels"}:
        answers = [as_name(one, f"{key}.choices") for one in as_list(value["choices"], f"{key}.choices")]
        labels = as_list(value["labels"], f"{key}.labels")
        if len(labels) != len(answers):
            raise Fault(f"{key}.labels", f"holds {len(labels)} labels for {len(answers)} choices")
    else:
        answers, labels = [as_name(one, key) for one in value], list(value.values())
    for label in labels:
        if label not in (0, 1) or isinstance(label, bool):
            raise Fault(key, "labels are 0 or 1", label)
    right, wrong = (
        tuple(dict.fromkeys(one for one, label in zip(answers, labels, strict=True) if label == wanted))
        for wanted in (1, 0)
    )
    if not right or not wrong:
        raise Fault(key, "at least one true and one false answer are needed")
    return right, wrong


def truthful(row: Row) -> Choice:
    """A question with the targets of MC1 and MC2."""
    best, rivals = targets(row, "mc1_targets")
    if len(best) != 1:
        raise Fault("mc1_targets", f"holds {len(best)} true answers; it has one")
    right, wrong = targets(row, "mc2_targets") if "mc2_targets" in row else (best, rivals)
    ordered = tuple(dict.fromkeys((*best, *right)))
    return Choice(asked(said(row, "question")), ordered, wrong, rivals)


def truthful_sheet(row: Row) -> Choice:
    """A row of TruthfulQA.csv, whose answers stand in one cell with semicolons between them."""
    best = said(row, "Best Answer").strip()
    right, wrong = (
        tuple(dict.fromkeys(one.strip() for one in said(row, key).split(";") if one.strip()))
        for key in ("Correct Answers", "Incorrect Answers")
    )
    if not wrong:
        raise Fault("Incorrect Answers", "holds no answer between its semicolons; at least one is needed")
    return Choice(asked(said(row, "Question")), tuple(dict.fromkeys((best, *right))), wrong)


def bbq(row: Row) -> Question:
    """A question with three answers, and who is meant by each of them."""
    answers = tuple(said(row, f"ans{place}") for place in range(3))
    info = as_object(need(row, "answer_info"), "answer_info")
    known = []
    for place in range(3):
        at = f"answer_info.ans{place}"
        known.append([as_name(one, at) for one in as_list(need(info, f"ans{place}", "answer_info"), at)])
    unknown = [place for place, one in enumerate(known) if one and one[-1].casefold() == "unknown"]
    if len(unknown) != 1:
        raise Fault("answer_info", f"holds {len(unknown)} answers of the group `unknown`; one is needed")
    polarity = word_of(need(row, "question_polarity"), "question_polarity", ("neg", "nonneg"))
    condition = word_of(need(row, "context_condition"), "context_condition", ("ambig", "disambig"))
    label = one_of_three(need(row, "label"), "label")
    return Question(
        asked(lettered(said(row, "context"), said(row, "question"), answers)),
        label,
        unknown[0],
        target(row, known, unknown[0]),
        polarity == "neg",
        condition == "ambig",
        optional(row, "category", "", as_text, ""),
    )


def one_of_three(value: Any, at: str) -> int:
    """The place of an answer; a sheet writes it as a text."""
    if value in (0, 1, 2) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.strip() in ("0", "1", "2"):
        return int(value)
    raise Fault(at, "must be 0, 1 or 2", value)


def target(row: Row, known: list[list[str]], unknown: int) -> int | None:
    """The answer that names the stereotyped group: by `target_loc`, or the one whose group is among those told.

    None if no answer is, or both are: such a row counts for accuracy, and not for bias.
    """
    if row.get("target_loc") not in (None, "", "NA"):
        return one_of_three(row["target_loc"], "target_loc")
    about = as_object(row.get("additional_metadata") or {}, "additional_metadata")
    groups = {same(str(one)) for one in as_list(about.get("stereotyped_groups") or [], "stereotyped_groups")}
    met = [
        place
        for place, one in enumerate(known)
        if place != unknown
        and groups & {part for name in one for part in (same(name), *map(same, name.split("-")))}
    ]
    return met[0] if len(met) == 1 else None


def same(name: str) -> str:
    """One spelling for all names of a group."""
    plain = name.casefold().strip()
    return SEX.get(plain, plain.replace(" ", ""))


def crows(row: Row) -> Pair:
    """Two sentences, the first nearer to the stereotype."""
    return Pair(said(row, "sent_more"), said(row, "sent_less"), optional(row, "bias_type", "", as_text, ""))


SETS: dict[str, tuple[frozenset[str], Callable[[Row], Probe]]] = {
    "xstest": (frozenset({"prompt", "type", "focus"}), xstest),
    "strongreject": (frozenset({"forbidden_prompt"}), strongreject),
    "truthfulqa": (frozenset({"question", "mc1_targets"}), truthful),
    "truthfulqa-sheet": (frozenset({"Question", "Best Answer", "Incorrect Answers"}), truthful_sheet),
    "bbq": (frozenset({"context", "question", "ans0", "ans1", "ans2"}), bbq),
    "crows-pairs": (frozenset({"sent_more", "sent_less"}), crows),
}
"""Each public set: the columns by which it is recognised, and its reader."""


def recognised(row: Row) -> str | None:
    """Which public set a row is of."""
    return next((name for name, (columns, _) in SETS.items() if columns <= row.keys()), None)
