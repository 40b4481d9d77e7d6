"""Scratch folders are gone when the run is over."""

from pathlib import Path

import dagster as dg
import pytest

from persona_assets.scratch import Scratch


@pytest.mark.parametrize("fails", [False, True])
def test_folders_are_new_and_are_gone_after_the_run(fails):
    made: list[Path] = []

    @dg.asset
    def spills(scratch: Scratch) -> None:
        made.extend([scratch.new_folder(), scratch.new_folder()])
        (made[0] / "spilled").write_bytes(b"x")
        if fails:
            raise ValueError("on purpose")

    dg.materialize([spills], resources={"scratch": Scratch()}, raise_on_error=False)

    assert len(set(made)) == 2
    assert not any(folder.exists() for folder in made)


def test_a_folder_outside_a_run_is_refused():
    with pytest.raises(RuntimeError, match="not set up"):
        Scratch().new_folder()
