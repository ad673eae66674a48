"""Stages: the only room that wires policies, scorers, judges and files together."""
