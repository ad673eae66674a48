"""Reading a recipe: what it says, and every error with its line, its value and the way out."""

from pathlib import Path

import pytest

from concord.errors import SettingsError
from concord.runs import Loaded, load, resolved
from concord.runs.lines import DEEPEST
from concord.runs.shape import methods
from concord.settings import DPO, GRPO, PPO, Recipe

METHODS = ", ".join(methods(Recipe.model_fields["align"].annotation))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "r.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def complaint(text: str, *overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(write(text), overrides)
    return str(caught.value)


def test_a_recipe_is_read_whole(here: Path) -> None:
    text = "base: starter\nalign: {kl: 5e-2, rollout: {rounds: 7}}\ngate:\n  at_least: {harm.refused: 0.9}\n"
    loaded = load(write(text))
    assert isinstance(loaded, Loaded)
    assert loaded.recipe.align == PPO(kl=0.05, rollout=PPO().rollout.model_copy(update={"rounds": 7}))
    assert loaded.recipe.gate.at_least == {"harm.refused": 0.9}
    assert (loaded.folder, loaded.source, loaded.text) == (here, Path("r.yaml"), text)


def test_a_recipe_may_lie_anywhere(here: Path) -> None:
    folder = here / "ein Ordner mit ü"
    folder.mkdir()
    (folder / "mein rezept.yaml").write_bytes(b"\xef\xbb\xbfseed: 4\r\n")
    loaded = load("ein Ordner mit ü/mein rezept.yaml")
    assert loaded.recipe.seed == 4
    assert loaded.folder == folder


def test_overrides_are_laid_over_in_order(here: Path) -> None:
    name = write("align: {kl: 0.1, rollout: {rounds: 3}}\nsft:\n")
    words = ["align.kl=0.02", "align.rollout.prompts=9", "sft.epochs=5", "seed=1", "seed=2"]
    words += [
        "evaluate.temperatures=[0.7, 1]",
        "gate.at_least.harm.refused=0.8",
        "align.target_kl=",
        "prompts= a b ",
    ]
    loaded = load(name, words)
    assert isinstance(loaded.recipe.align, PPO)
    assert (loaded.recipe.align.kl, loaded.recipe.align.target_kl) == (0.02, None)
    assert (loaded.recipe.align.rollout.rounds, loaded.recipe.align.rollout.prompts) == (3, 9)
    assert (loaded.recipe.sft.epochs, loaded.recipe.seed, loaded.recipe.prompts) == (5, 2, "a b")
    assert loaded.recipe.evaluate.temperatures == (0.7, 1.0)
    assert loaded.recipe.gate.at_least == {"harm.refused": 0.8}
    assert loaded.overrides == tuple(words)


def test_another_method_by_override(here: Path) -> None:
    name = write("align:\n  method: ppo\n  kl: 0.1\nrivals: {mine: {method: dpo, beta: 0.3}}\n")
    loaded = load(name, ["align.method=grpo", "align.rollout.samples=6", "rivals.other={method: dpo}"])
    assert isinstance(loaded.recipe.align, GRPO)
    assert (loaded.recipe.align.kl, loaded.recipe.align.rollout.samples) == (0.1, 6)
    assert loaded.recipe.align.rollout.prompts == GRPO().rollout.prompts
    assert loaded.recipe.rivals == {"mine": DPO(beta=0.3), "other": DPO()}


def test_keys_of_the_other_method_are_not_dropped_in_silence(here: Path) -> None:
    text = "align:\n  method: ppo\n  kl: 0.1\n  critic_rate: 1e-3\n"
    assert complaint(text, "align.method=grpo") == (
        "r.yaml:4: `align.critic_rate` is not a setting of GRPO, which command line, 'align.method=grpo' "
        "asks for. Delete it there, or set align={method: grpo} to start afresh."
    )
    afresh = load("r.yaml", ["align={method: grpo}", "align.kl=0.3"]).recipe.align
    assert afresh == GRPO(kl=0.3)


def test_errors_read_as_the_house_says(here: Path) -> None:
    text = "base: starter\nalign:\n  method: ppo\n  kll: 3\n  clip: 3\n"
    assert complaint(text) == (
        "r.yaml:4: `align.kll` is not a setting of PPO. Did you mean `kl`?\n"
        "r.yaml:5: `align.clip` is 3; input should be less than 1."
    )
    assert complaint("seed: 1\n", "align.kl=-1") == (
        "command line, 'align.kl=-1': `align.kl` is -1; input should be greater than or equal to 0."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sftt: {x: 1}", "r.yaml:1: `sftt` is not a setting of the recipe. Did you mean `sft`?"),
        (
            "align: {method: rloo,\n samples: 3}",
            "r.yaml:2: `align.samples` is not a setting of RLOO. Did you mean `rollout.samples`?",
        ),
        (
            "rank: {zzzz: 3}",
            "r.yaml:1: `rank.zzzz` is not a setting of Rank. "
            "Its settings are by, rankings, raters, noise, lapses, habits, judge, scorer, rules, tie, people, "
            "leave_out.",
        ),
        (
            "seed: 1\nalign: {method: ppp}",
            f"r.yaml:2: `align.method` is 'ppp'; methods are {METHODS}. Did you mean `ppo`?",
        ),
        (
            "rivals: {a: {method: 7}}",
            f"r.yaml:1: `rivals.a.method` is 7; methods are {METHODS}.",
        ),
        ("rivals: {a: {}}", "r.yaml:1: `rivals.a` has no `method`. Give it one, such as `method: dpo`."),
        ("rivals: {a: 3}", "r.yaml:1: `rivals.a` is 3; it should be a section, with keys of its own."),
        (
            "rivals: {A: {method: dpo}}",
            "r.yaml:1: `rivals.A` has a name that cannot be used; "
            "string should match pattern '^[a-z0-9][a-z0-9-]{0,39}$'.",
        ),
        ("sample:\nseed: 1", "r.yaml:1: `sample` is empty; it should be a section, with keys of its own."),
        (
            "learning: {device: gpu}",
            "r.yaml:1: `learning.device` is 'gpu'; input should be 'auto', 'cpu' or 'cuda'.",
        ),
        (
            "rank: {by: panl}",
            "r.yaml:1: `rank.by` is 'panl'; input should be 'panel', 'file', 'people', 'judge', 'scorer' or 'rules'. "
            "Did you mean `panel`?",
        ),
        (
            "evaluate:\n  temperatures:\n  - 1\n  - -1",
            "r.yaml:4: `evaluate.temperatures.1` is -1; input should be greater than 0.",
        ),
        ("base: [1, 2]", "r.yaml:1: `base` is [1, 2]; input should be a valid string."),
        (
            "seed: x",
            "r.yaml:1: `seed` is 'x'; input should be a valid integer, unable to parse string as an integer.",
        ),
        (
            "align: {kl: 1,\n clip: 0.1,\n kl: 2}",
            "r.yaml:3: `align.kl` is given twice, first at r.yaml:1. Keep one.",
        ),
        ("align: {kl: .nan}", "r.yaml:1: `align.kl` is .nan; a setting is a finite number."),
        ("align: {kl: 1e999}", "r.yaml:1: `align.kl` is 1e999; a setting is a finite number."),
        ("align: {kl: 'nan'}", "r.yaml:1: `align.kl` is 'nan'; input should be a finite number."),
        ("align: {kl: !!int x}", "r.yaml:1: `align.kl` is 'x', which cannot be read."),
        (
            "align: {kl: !!python/name:os.system x}",
            "r.yaml:1: the tag !!python/name:os.system is not read here. ",
        ),
        ("1: 2", "r.yaml:1: `1` is not text, so it cannot be a key. Put it in quotes."),
        ("[a]: 2", "r.yaml:1: a list or mapping is not text, so it cannot be a key. Put it in quotes."),
        ("sft: {<<: 3}", "r.yaml:1: `<<` merges mappings alone. Give it an alias of one."),
        ("- a", "r.yaml:1: a recipe is a mapping of sections. Begin with `base: starter`."),
        (
            "",
            "r.yaml is empty. A recipe says what to align and how; "
            "`concord init DIR` writes one to start from.",
        ),
        ("# nothing\n", "r.yaml is empty. "),
        ("align:\n\tkl: 1", "Indent with spaces, not tabs."),
        ("a: [1", "r.yaml:1: this is not YAML: "),
        ("a: 1\n---\nb: 2", "r.yaml:2: this is not YAML: but found another document. "),
        ("a: 1\nb: \x07", "r.yaml:2: the character 0x7 may not stand in YAML. Delete it."),
        ("a: " + "[" * 900, "r.yaml:1: too deeply nested. Write it flatter."),
        (
            "a: &a [*a]",
            f"r.yaml:1: this unfolds to more than 10000 values or {DEEPEST} levels. ",
        ),
        ("a: &a {<<: *a}", "r.yaml:1: this unfolds to more than 10000 values"),
    ],
)
def test_each_error_says_where_what_and_what_to_do(here: Path, text: str, expected: str) -> None:
    said = complaint(text)
    assert expected in said
    assert said == expected or not expected.endswith(("?", "quotes.", "own.", "one."))


def test_aliases_may_be_used_but_not_to_fill_the_memory(here: Path) -> None:
    text = (
        "rivals:\n  a: &a {method: dpo, beta: 0.2}\n  b: {<<: *a, beta: 0.3}\n  c: {<<: [*a, {rate: 1.0}]}\n"
    )
    assert load(write(text)).recipe.rivals == {
        "a": DPO(beta=0.2),
        "b": DPO(beta=0.3),
        "c": DPO(beta=0.2, rate=1.0),
    }
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 18))
    assert "unfolds to more than 10000 values" in complaint(laughs)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "command line, 'seed': a setting is given as name=value, such as align.kl=0.02."),
        ("=3", "command line, '=3': a setting is given as name=value, such as align.kl=0.02."),
        (
            "align..kl=3",
            "command line, 'align..kl=3': a setting is given as name=value, such as align.kl=0.02.",
        ),
        ("base.x=3", "command line, 'base.x=3': `base` is 'starter', not a section. Give `base` whole."),
        ("sft=3", "command line, 'sft=3': `sft` is 3; it should be a section, with keys of its own."),
        (
            "align.kll=1",
            "command line, 'align.kll=1': `align.kll` is not a setting of PPO. Did you mean `kl`?",
        ),
        (
            "algn.kl=1",
            "command line, 'algn.kl=1': `algn` is not a setting of the recipe. Did you mean `align`?",
        ),
        (
            "evaluate.judge.endpoint.url=http://u",
            "command line, 'evaluate.judge.endpoint.url=http://u': `evaluate.judge.endpoint.model` is missing",
        ),
        ("align.kl=.inf", "command line, 'align.kl=.inf': `align.kl` is .inf"),
        (
            "align.method=pppo",
            f"command line, 'align.method=pppo': `align.method` is 'pppo'; methods are {METHODS}. Did you mean `ppo`?",
        ),
        (
            "seed=[",
            "command line, 'seed=[': this is not YAML: expected the node content, but found '<stream end>'. "
            "Check quotes, brackets and indentation.",
        ),
    ],
)
def test_each_wrong_override_is_named(here: Path, override: str, expected: str) -> None:
    assert complaint("base: starter\n", override).startswith(expected)


def test_an_override_heals_what_the_file_has_wrong(here: Path) -> None:
    assert load(write("align: {kl: -1}\n"), ["align.kl=0.5"]).recipe.align.kl == 0.5  # type: ignore[union-attr]


def test_all_problems_at_once_in_order_and_not_too_many(here: Path) -> None:
    text = "zeta: 1\nseed: x\nalign: {kl: .nan}\n"
    lines = complaint(text, "sft.epochs=-1", "base").split("\n")
    assert [line.split(": `")[0].split(": a setting")[0] for line in lines] == [
        "r.yaml:1",
        "r.yaml:2",
        "r.yaml:3",
        "command line, 'sft.epochs=-1'",
        "command line, 'base'",
    ]
    many = complaint("".join(f"zz{number}: 1\n" for number in range(33))).split("\n")
    assert len(many) == 21 and many[-1] == "... and 13 more."


def test_a_missing_recipe_names_the_nearest(here: Path) -> None:
    write("seed: 1", "first.yaml")
    Path("none").mkdir()
    for name, expected in {
        "frist.yaml": "frist.yaml: there is no such recipe. Did you mean first.yaml?",
        "first.yml": "first.yml: there is no such recipe. Did you mean first.yaml?",
        "qqq": "qqq: there is no such recipe. Recipes there: first.yaml.",
        "none/r.yaml": "none/r.yaml: there is no such recipe. "
        "none holds no recipe; `concord init DIR` writes one to start from.",
        "nowhere/r.yaml": "nowhere/r.yaml: there is no folder nowhere. Check the path, "
        "or `concord init DIR` writes one to start from.",
        ".": ". is a folder. Recipes there: first.yaml.",
        "first.yaml/r.yaml": "first.yaml/r.yaml: Not a directory. Check the path and its permissions.",
    }.items():
        with pytest.raises(SettingsError) as caught:
            load(name)
        assert str(caught.value) == expected
    Path("first.yaml").unlink()
    with pytest.raises(SettingsError, match=r"no such recipe\. This folder holds no recipe"):
        load("r.yaml")


def test_what_is_no_text_is_refused(here: Path) -> None:
    Path("r.yaml").write_bytes(b"seed: 1\nbase: \xff\n")
    with pytest.raises(SettingsError, match=r"^r.yaml:2: byte 0xff is not UTF-8. Save it as UTF-8.$"):
        load("r.yaml")
    Path("r.yaml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(SettingsError, match="larger than 1 MiB"):
        load("r.yaml")


def test_the_resolved_recipe_reads_back_as_the_same(here: Path) -> None:
    text = "align: {kl: 1e-7, target_kl: 3}\nbase: modèle\nrivals: {a: {method: rejection}}\n"
    recipe = load(write(text)).recipe
    whole = resolved(recipe)
    assert load(write(whole, "resolved.yaml")).recipe == recipe
    assert set(Recipe.model_fields) == {
        line.split(":")[0] for line in whole.splitlines() if line[0] not in " -"
    }


def test_the_bundled_defaults_are_a_recipe(here: Path) -> None:
    assert load(write("{}")).recipe == Recipe()
