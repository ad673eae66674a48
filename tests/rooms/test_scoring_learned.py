"""A reward model as a scorer: one finite score a completion, in order, whatever the batch."""

import pytest
import torch
from tests.rooms import families

from concord.batches import collate
from concord.errors import Diverged, RecordError
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Completion
from concord.scoring import Learned

torch.set_num_threads(1)

SAID = [
    Completion(families.asked("hi " * (1 + n % 3)), "yes " * n, finish="stop") for n in (5, 1, 9, 2, 0, 7)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    made = RewardModel.load(families.folder(tmp_path_factory.mktemp("m") / "llama", "llama"), families.CPU)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.network.score.weight)
    return made


def test_scores_come_in_order_whatever_the_budget(model: RewardModel) -> None:
    """T13: a completion's score is its own, in batches of any size."""
    alone = [float(model.scores(collate.completions([one], model.template)).detach()) for one in SAID]
    assert len(set(alone)) == len(SAID)
    for budget in (1, 64, 8192):
        assert Learned(model, budget).score(SAID) == pytest.approx(alone, abs=1e-5)
    assert Learned(model).score([]) == []


def test_a_score_that_is_no_number_is_an_error(model: RewardModel) -> None:
    """Pain 25: never a score of 0 in place of a failure."""
    before = model.network.score.weight.data.clone()
    model.network.score.weight.data.fill_(float("nan"))
    with pytest.raises(Diverged, match=f"prompt {SAID[0].prompt.id} as nan"):
        Learned(model).score(SAID[:1])
    model.network.score.weight.data.copy_(before)


def test_an_answer_beyond_the_reward_models_context_is_an_error(model: RewardModel) -> None:
    """A reward model need not have the policy's context; it says so and names the prompt."""
    limit = context(model.network)
    long = Completion(families.asked("hi"), "no " * limit, finish="stop")
    with pytest.raises(RecordError, match=rf"prompt {long.prompt.id} has \d+ tokens .* context of {limit}"):
        Learned(model).score([long])


def test_an_answer_of_nothing_is_an_error_that_names_its_prompt(model: RewardModel) -> None:
    """Not even an end was said: there is no token to read a score from."""
    nothing = Completion(families.asked("hi"), "", finish="length")
    with pytest.raises(RecordError, match=f"prompt {nothing.prompt.id} is empty"):
        Learned(model).score([nothing])
