"""Mutants: the formulas and methods with one fault each; a fault that no test notices is a hole in the tests."""
