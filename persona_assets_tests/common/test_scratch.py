"""Scratch folders are removed when the run ends, or by the next run if it was killed."""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.common.scratch import Scratch


@pytest.mark.parametrize("fails", [False, True])
def test_folders_are_empty_and_are_removed_after_the_run(fails):
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


def test_a_folder_outside_a_run_is_an_error():
    with pytest.raises(RuntimeError, match="not set up"):
        Scratch().new_folder()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def use_scratch(temporary: Path, *, die: bool) -> None:
    tempfile.tempdir = str(temporary)
    scratch = Scratch()
    scratch.setup_for_execution(dg.build_init_resource_context())
    (scratch.new_folder() / "spilled").write_bytes(b"x")
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    scratch.teardown_after_execution(dg.build_init_resource_context())


def make_old(temporary: Path) -> None:
    for file in temporary.glob("*/.in-use"):
        os.utime(file, (0, 0))


def test_the_next_run_removes_the_folder_of_a_killed_run(temporary):
    process = multiprocessing.get_context("spawn").Process(target=use_scratch, args=(temporary,), kwargs={"die": True})
    process.start()
    process.join()
    left = {file.name for file in temporary.glob("*/*/*")}
    make_old(temporary)

    use_scratch(temporary, die=False)

    assert (process.exitcode, left) == (-signal.SIGKILL, {"spilled"})
    assert list(temporary.iterdir()) == []


def test_the_folder_of_an_active_run_stays(temporary):
    going_on = Scratch()
    going_on.setup_for_execution(dg.build_init_resource_context())
    folder = going_on.new_folder()
    make_old(temporary)

    use_scratch(temporary, die=False)

    assert folder.is_dir()
    going_on.teardown_after_execution(dg.build_init_resource_context())
    assert list(temporary.iterdir()) == []


def test_folders_of_other_programs_stay(temporary):
    (temporary / "persona_assets-notes").mkdir()

    use_scratch(temporary, die=False)

    assert [entry.name for entry in temporary.iterdir()] == ["persona_assets-notes"]
