"""Suites: probes for what an average hides: refusals, honesty, bias, privacy, instructions."""
