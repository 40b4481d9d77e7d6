"""A task counts the bytes of its files while it reads them."""

import datetime as dt
import gzip

import pytest
from upath import UPath

from persona_assets.assets.raw_events import parsing_task
from persona_assets.assets.raw_events.parsing_task import ParsingTask, count_bytes_in, read_task_into_runs
from persona_assets.capture.files import find_files

DAY = dt.date(2025, 3, 1)


@pytest.fixture(autouse=True)
def _forget_counters():
    yield
    parsing_task._counters.clear()


def make_task(root, contents, *, number):
    folder = root / "capture" / f"{DAY}"
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = find_files(UPath(root / "capture"), DAY, pattern=None)
    return ParsingTask(number, files, DAY, root / "spool", None, None)


def test_the_bytes_of_each_file_are_counted_at_the_place_of_the_task(tmp_path):
    contents = {"00.jsonl": b"no event\n" * 100_000, "01.jsonl.gz": gzip.compress(b"none\n" * 1000), "02.jsonl": b""}
    counted = [0, 0, 0]
    count_bytes_in(counted)

    parsed = read_task_into_runs(make_task(tmp_path, contents, number=1))

    assert parsed.counts.lines == 101_000
    assert counted == [0, sum(map(len, contents.values())), 0]


def test_without_an_array_nothing_is_counted(tmp_path):
    assert read_task_into_runs(make_task(tmp_path, {"00.jsonl": b"none\n"}, number=0)).counts.lines == 1
