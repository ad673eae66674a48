"""AI judges are looked after before anything is learned."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from concord.errors import ConcordError
from concord.runs import load
from concord.stages.seats import refuse_unready_judges

AT = {"url": "https://host/v1", "model": "m"}
SEATS: dict[str, dict[str, Any]] = {
    "rank.judge": {"rank": {"by": "judge", "judge": {"endpoint": AT}}},
    "evaluate.judge": {"rank": {"by": "panel"}, "evaluate": {"prompts": "p", "judge": {"endpoint": AT}}},
}


@pytest.mark.parametrize("setting", SEATS)
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("rubric=none.txt", r"`{}.rubric` is none.txt, but .*none.txt is no file"),
        ("endpoint.key=NO_SUCH_KEY", "NO_SUCH_KEY, which should hold the endpoint's key, is not set"),
    ],
)
def test_a_judge_without_rubric_or_key_is_refused_at_once(
    tmp_path: Path, setting: str, more: str, why: str
) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"base": "starter", **SEATS[setting]}))
    sound, unsound = load(tmp_path / "r.yaml", []), load(tmp_path / "r.yaml", [f"{setting}.{more}"])
    refuse_unready_judges(sound, ranking=True, judged=True)
    refuse_unready_judges(unsound, ranking=False, judged=False)  # nobody asks it
    with pytest.raises(ConcordError, match=why.format(setting)):
        refuse_unready_judges(unsound, ranking=True, judged=True)
