"""Measurements of speed; see `benchmarks.stages`."""
