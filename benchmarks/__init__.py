"""Concord's speed and memory beside its peers', measured side by side in one run."""
