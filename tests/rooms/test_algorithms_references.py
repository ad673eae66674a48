"""What a fixed reference says of rankings, once and for all."""

from pathlib import Path

import pytest
from tests.rooms import methods

from concord.algorithms import references
from concord.algorithms.references import sums, totals
from concord.batches import collate, pack
from concord.records import Stream


def test_t27_a_tail_counts_beyond_the_shortest_of_its_own_ranking(tmp_path: Path) -> None:
    """Each ranking's answers are cut at the shortest of them; what lies beyond counts three tenths, as both read it."""
    policy = methods.bench(methods.families.folder(tmp_path / "gpt2", "gpt2")).policy
    lists = collate.rankings(methods.RANKINGS, policy.template, 200, print)
    wanted = []
    for one in lists:
        shortest = min(sum(row.scored) for row in one.rows)
        for row in one.rows:
            said = [float(value) for value in policy.logprobs(pack([row]))[0, : sum(row.scored)].detach()]
            wanted.append(sum(said[:shortest]) + 0.3 * sum(said[shortest:]))
    assert sums(lists, policy, 60, 0.3) == pytest.approx(wanted, abs=1e-5)
    batch = collate.lists(lists)
    found = totals(policy.logprobs(batch.sequences), batch, 0.3)
    assert found.tolist() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("block", "told"), [(4, []), (2, ["2 of 4", "4 of 4"]), (3, ["3 of 4", "4 of 4"])])
def test_what_is_read_in_several_blocks_is_told(
    block: int, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four rankings are one block of four, and no news; each of several blocks is."""
    policy = methods.bench(methods.families.folder(tmp_path / "gpt2", "gpt2")).policy
    monkeypatch.setattr(references, "BLOCK", block)
    stream = Stream(lambda: iter(methods.RANKINGS), "n", tmp_path / "cache")
    lists, said = collate.rankings(stream, policy.template, 200, print), list[str]()
    references.with_reference(lists, policy, 8192, said.append)
    assert said == [f"the reference has read {part} rankings." for part in told]
