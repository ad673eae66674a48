"""The AI judges that a recipe seats: what they need is looked for before anything is learned."""

from collections.abc import Iterator

from concord.endpoints.wire import Secret
from concord.errors import SettingsError
from concord.runs import Loaded
from concord.settings import Examining
from concord.stages.contestants import ai_judge


def seated(loaded: Loaded, ranking: bool, judged: bool) -> Iterator[tuple[str, Examining]]:
    """Each AI judge that will be asked, under the setting that names it."""
    if ranking and loaded.recipe.rank.by == "judge":
        yield "rank.judge", loaded.recipe.rank.judge
    if judged and (asked := ai_judge(loaded)):
        yield "evaluate.judge", asked


def refuse_unready_judges(loaded: Loaded, ranking: bool, judged: bool) -> None:
    """A judge needs the rubric that it is named, and the key of its endpoint."""
    for setting, asked in seated(loaded, ranking, judged):
        if asked.rubric and not (path := loaded.folder / asked.rubric).is_file():
            raise SettingsError(
                f"{loaded.source}: `{setting}.rubric` is {asked.rubric}, but {path} is no file. "
                "Give the path of a text file, counted from the recipe."
            )
        if asked.endpoint:
            Secret.from_environment(asked.endpoint.key)
