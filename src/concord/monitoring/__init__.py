"""Monitoring: what a run's numbers say of its health, and whether a served model still meets what it was judged on."""
