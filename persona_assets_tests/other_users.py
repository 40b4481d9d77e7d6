"""What tests need that become another user."""

from pathlib import Path


def let_in(folder: Path) -> None:
    """Let all users into a test's folder: pytest closes those that it lies in, one more where tests run in parallel."""
    while folder.name and not folder.name.startswith("pytest-of-"):
        folder.chmod(0o777)
        folder = folder.parent
    folder.chmod(0o777)
