"""Concord turns people's preferences into a better model and proves that it is better."""

__version__ = "0.1.0"
