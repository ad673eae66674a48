"""Suites: probe sets that ask whether a policy is helpful, honest and harmless, and what they find."""

from concord.suites.examining import PERSONAL, examine, examine_all
from concord.suites.library import NAMED, suites
from concord.suites.marks import Finding, Mark, PairedTest, Subject
from concord.suites.probes import Suite

__all__ = [
    "NAMED",
    "PERSONAL",
    "Finding",
    "Mark",
    "PairedTest",
    "Subject",
    "Suite",
    "examine",
    "examine_all",
    "suites",
]
