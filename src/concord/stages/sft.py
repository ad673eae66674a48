"""Stage sft: demonstrations become a policy that behaves somewhat as people would."""

from pathlib import Path

from concord import formats
from concord.algorithms import ALGORITHMS
from concord.algorithms.stopping import Watched
from concord.errors import RecordError
from concord.models import Policy
from concord.models.folder import context
from concord.records.files import write_json
from concord.stages.bench import Bench
from concord.stages.learn import learn

SHOWN = 5


def work(bench: Bench, folder: Path, key: str) -> None:
    """Imitate the demonstrations, beginning with the base."""
    bench.from_base = True
    for file in (bench.recipe.prompts, bench.recipe.evaluate.prompts):
        refuse_long_prompts(bench, bench.loaded.folder / file)
    if not bench.recipe.sft.epochs:
        bench.say("`sft.epochs` is 0: no demonstration is read, and the base goes on as it is.")
        Policy.load(bench.model(""), bench.compute).save(folder / "model")
        return
    course = ALGORITHMS["sft"](bench.recipe.sft, bench)
    learn(course, bench, folder, key)
    bench.policy.save(folder / "model")
    if isinstance(course.feed, Watched):
        write_json(folder / "looks.json", course.feed.report())


def refuse_long_prompts(bench: Bench, path: Path) -> None:
    """What the stages to come will ask must fit this model: better said now than after it has learned."""
    if not path.is_file():
        return  # this stage does without it; whoever needs it says that it is missing
    template, limit = bench.policy.template, context(bench.policy.network)
    prompts = bench.read(formats.read_prompts, path)
    # No token stands for less than a byte, and templates add little: most prompts need not be counted.
    large = [one for one in prompts if sum(len(turn.content.encode()) for turn in one.messages) > limit // 2]
    long = [(one.id, len(template.prompt(one))) for one in large if len(template.prompt(one)) >= limit]
    if long:
        examples = ", ".join(f"{name} ({count} tokens)" for name, count in long[:SHOWN])
        raise RecordError(
            f"{path}: {len(long):,} of {len(prompts):,} prompts leave no room for an answer in the model's "
            f"context of {limit} tokens, such as {examples}. Shorten them or leave them out, or use a model "
            "with a longer context."
        )
