"""Labels on single answers as TRL takes them: wanted or not (KTO), and right or wrong step by step."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, answer_turn, message_rows, plain_prompt, prompt_of
from concord.formats.fields import Fault, as_list, need
from concord.formats.losses import Losses
from concord.formats.native_guidance import as_step
from concord.formats.orders import one_message
from concord.formats.rows import Notes
from concord.records import Completion, Mark, Ranking, Rating, StepLabels

KTO = frozenset({"prompt", "completion", "label"})
STEPWISE = frozenset({"prompt", "completions", "labels"})
SEPARATOR = "\n"
"""What stands between two steps, which the rows do not say themselves."""


def read_kto(row: dict[str, Any], notes: Notes) -> Rating:
    """A text and whether it was wanted, as the rating 1 or 0."""
    notes.unknown(row, KTO)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    completion = Completion(prompt, answer(need(row, "completion"), "completion"))
    return Rating(completion, float(fields.as_flag(need(row, "label"), "label")))


def read_kto_chat(row: dict[str, Any], notes: Notes) -> Rating:
    """An assistant turn and whether it was wanted, as the rating 1 or 0."""
    notes.unknown(row, KTO)
    prompt = prompt_of(need(row, "prompt"), "prompt", notes)
    completion = Completion(prompt, answer_turn(need(row, "completion"), "completion", notes))
    return Rating(completion, float(fields.as_flag(need(row, "label"), "label")))


def wanted(rating: Rating, losses: Losses) -> bool | None:
    """Whether a rated answer was wanted; none, and a loss, if its number does not say so."""
    if rating.value not in (0.0, 1.0):
        losses.add("numbers other than 0 and 1", "ratings dropped")
        return None
    if not rating.completion.text.strip():
        losses.add("empty answers", "ratings dropped")
        return None
    losses.prompt(rating.completion.prompt)
    losses.completion(rating.completion)
    losses.guidance(rating.by, rating.source, rating.aspect)
    return bool(rating.value)


def marked(ranking: Ranking, losses: Losses) -> list[tuple[Completion, bool]]:
    """The best and the worst tier of a ranking as wanted and not wanted; all are unwanted if all are bad."""
    count = len(ranking.tiers)
    held: list[tuple[Completion, bool]] = []
    for level, tier in enumerate(ranking.tiers):
        for position in tier:
            if not ranking.completions[position].text.strip():
                losses.add("empty answers", "answers dropped")
            elif ranking.all_bad or (count > 1 and level == count - 1):
                held.append((ranking.completions[position], False))
            elif level == 0 and count > 1:
                held.append((ranking.completions[position], True))
            else:
                losses.add("tiers between the best and the worst", "answers dropped")
    losses.add("unranked answers", "answers dropped", len(ranking.unranked))
    losses.add("which answers were compared", "rankings taken apart", bool(held))
    if held:
        losses.prompt(ranking.prompt)
        losses.judged(ranking, "all_bad")
    for completion, _ in held:
        losses.completion(completion)
    return held


def kto_row(completion: Completion, good: bool, losses: Losses) -> list[dict[str, Any]]:
    """One labelled text."""
    prompt = one_message(completion.prompt, losses, "answers")
    return [] if prompt is None else [{"prompt": prompt, "completion": completion.text, "label": good}]


def kto_chat_row(completion: Completion, good: bool) -> dict[str, Any]:
    """One labelled assistant turn."""
    turn = {"role": "assistant", "content": completion.text}
    return {"prompt": message_rows(completion.prompt.messages), "completion": [turn], "label": good}


def write_kto(rating: Rating, losses: Losses) -> list[dict[str, Any]]:
    """A rating of 1 or 0 as a label."""
    good = wanted(rating, losses)
    return [] if good is None else kto_row(rating.completion, good, losses)


def write_kto_chat(rating: Rating, losses: Losses) -> list[dict[str, Any]]:
    """A rating of 1 or 0 as a label, the prompt as a dialogue."""
    good = wanted(rating, losses)
    return [] if good is None else [kto_chat_row(rating.completion, good)]


def rank_kto(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """The ends of a ranking as labels."""
    return [row for one, good in marked(ranking, losses) for row in kto_row(one, good, losses)]


def rank_kto_chat(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """The ends of a ranking as labels, the prompt as a dialogue."""
    return [kto_chat_row(one, good) for one, good in marked(ranking, losses)]


def read_stepwise(row: dict[str, Any], notes: Notes) -> StepLabels:
    """Steps with true or false each; a line break is put between them, as TRL does."""
    notes.unknown(row, STEPWISE)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    values = as_list(need(row, "completions"), "completions")
    if not values:
        raise Fault("completions", "at least one step is needed", values)
    said = [as_step(value, f"completions[{place}]") for place, value in enumerate(values)]
    steps = (*(step + SEPARATOR for step in said[:-1]), said[-1])
    labels = as_list(need(row, "labels"), "labels")
    if len(labels) != len(steps):
        raise Fault("labels", f"has {len(labels)} labels for {len(steps)} steps; each step needs one")
    marks: tuple[Mark, ...] = tuple(
        "correct" if fields.as_flag(label, f"labels[{place}]") else "incorrect"
        for place, label in enumerate(labels)
    )
    return StepLabels(Completion(prompt, answer("".join(steps), "completions")), steps, marks)


def write_stepwise(labels: StepLabels, losses: Losses) -> list[dict[str, Any]]:
    """Step labels without what was neutral; steps are written without the line break that ends them."""
    prompt = one_message(labels.completion.prompt, losses, "answers")
    if prompt is None:
        return []
    if "neutral" in labels.marks:
        losses.add("neutral steps", "answers dropped")
        return []
    steps = [*(step.removesuffix(SEPARATOR) for step in labels.steps[:-1]), labels.steps[-1]]
    if not all(steps):
        losses.add("steps that are a line break alone", "answers dropped")
        return []
    losses.prompt(labels.completion.prompt)
    losses.completion(labels.completion)
    losses.guidance(labels.by, labels.source, "overall")
    joined = all(step.endswith(SEPARATOR) for step in labels.steps[:-1])
    losses.add("steps that do not end with a line break", "answers will be read with one", not joined)
    return [{"prompt": prompt, "completions": steps, "labels": [mark == "correct" for mark in labels.marks]}]
