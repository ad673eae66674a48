"""Small pieces of the page: text made safe, numbers written, long curves thinned."""

from concord.evaluation import training_curve
from concord.evaluation.markup import escape, figure, said


def test_escaping_by_hand() -> None:
    assert escape('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"
    assert escape("a\u202eb\x07c\nd") == "a\ufffdb\ufffdc\nd"
    assert "and 100 characters more" in said("x" * 1000)
    assert said("  ") == '<p class="said empty">(nothing)</p>'
    assert (figure(-1.5, 1), figure(-0.001), figure(None)) == ("\u22121.5", "0.00", "\u2013")


def test_long_trainings_are_thinned_by_means() -> None:
    metrics = [{"step": step, "kl": 1.0 if step % 2 else 3.0, "score": "NaN"} for step in range(1, 321)]
    points = training_curve(metrics)
    assert len(points) == 160
    assert points[0] == {"step": 1.5, "kl": 2.0, "proxy": None, "gold": None}
