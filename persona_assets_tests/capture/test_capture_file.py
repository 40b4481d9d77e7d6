"""Opening a file of a capture."""

import os
import pickle
from pathlib import Path

import pytest
from upath import UPath

from persona_assets.capture.capture_file import CaptureFile
from persona_assets.capture.files import find_files
from persona_assets.common.worker_processes import map_in_processes
from persona_assets_tests.assets.raw_events.builders import DAY


@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "folder"])
def test_only_a_regular_file_is_opened(tmp_path, place):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="Not a regular file"):
        CaptureFile(UPath(tmp_path / place), place, 1).open()


def test_a_local_file_has_a_plain_path_and_any_other_a_path_of_its_storage(tmp_path):
    (tmp_path / f"{DAY}").mkdir()
    (tmp_path / f"{DAY}" / "a").write_bytes(b"{}")
    elsewhere = UPath("memory://capture")
    (elsewhere / f"{DAY}" / "a").write_bytes(b"{}")

    found = [find_files(root, DAY, pattern=None)[0] for root in (UPath(tmp_path), UPath(tmp_path.as_uri()), elsewhere)]

    assert [type(file.path) is type(Path()) for file in found] == [True, True, False]
    for file in found:
        with file.open() as content:
            assert content.read() == b"{}"


def test_a_worker_that_parses_local_files_loads_no_library_for_remote_storage():
    task = pickle.dumps(CaptureFile(Path("a"), "a", 1))
    loaded = "[m for m in ('fsspec', 'upath') if m in __import__('sys').modules]"
    code = (
        "(__import__('persona_assets.assets.raw_events.parsing_task'), "
        f"__import__('pickle').loads({task!r}), {loaded})[2]"
    )

    assert [*map_in_processes(eval, [code], workers=2, purpose="ask")] == [[]]
