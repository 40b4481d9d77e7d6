"""The command `python -m persona_assets.find` runs; `command_line/test_find_personas.py` tests its results."""

import subprocess
import sys


def test_the_module_is_a_command():
    command = [sys.executable, "-m", "persona_assets.find", "--help"]

    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)

    assert "a text, or the permanent id (DID) of an account" in shown.stdout
