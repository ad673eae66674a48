"""The peers' own virtual environments, made once under .bench and never mixed with ours."""

import subprocess
import sys
from pathlib import Path

TORCH = "torch==2.13.0"
"""The same on every side."""
PEERS = {"trl-1.16": ["trl==1.16.*", "ctranslate2==4.8.*"], "trl-1.12": ["trl==1.12.*"]}
"""TRL 1.12 is the last release with PPO, as trl.experimental.ppo."""


def make(root: Path) -> None:
    """Make those that are not there yet."""
    constraints = root / "constraints.txt"
    root.mkdir(parents=True, exist_ok=True)
    constraints.write_text(f"{TORCH}\n", encoding="utf-8")
    for name, wanted in PEERS.items():
        ready = root / name / "ready"
        if ready.exists():
            continue
        print(f"making {root / name}: {', '.join([TORCH, *wanted])}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(root / name)], check=True)
        pip = [str(root / name / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        # torch first and alone, so that nothing else decides which build of it comes
        for packages in ([TORCH], wanted):
            subprocess.run([*pip, "--constraint", str(constraints), *packages], check=True)
        ready.touch()


def versions(root: Path) -> dict[str, str]:
    """What each environment holds of what matters."""
    found = {}
    for name in PEERS:
        code = (
            "from importlib.metadata import version as v\n"
            "print(*(f'{n} {v(n)}' for n in ('torch', 'transformers', 'trl')), sep=', ')"
        )
        python = str(root / name / "bin" / "python")
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        found[name] = done.stdout.strip()
    return found
