"""Settings of the suites that ask whether a policy is helpful, honest and harmless."""

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Price


class Probing(Settings):
    """How policies answer the suites of `evaluate.suites`."""

    temperature: Price = 0.0
    """Higher is more varied; 0 takes the likeliest answer, which is the same every time."""
    longest: Count = 64
    """Most tokens in an answer."""
