"""What holds for all tests: the environment that the command line settles, and property tests that repeat."""

import gc
import os
import sys

import hypothesis

# Before anything imports torch: idle threads that spin slow each other down where tests share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Compiled once and kept: the tests start the program hundreds of times, and a shell may say not to keep it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("house")


def pytest_sessionstart() -> None:
    """Rubbish is looked for seldom: most of what lives here is code, and lives to the end."""
    gc.set_threshold(100_000, 20, 100)


def pytest_collection_finish() -> None:
    """What has been imported by now is never rubbish."""
    gc.freeze()
