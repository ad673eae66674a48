"""Serving: a policy behind the protocol that other tools speak, and the log of what it said."""
