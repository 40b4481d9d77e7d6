"""Faults during a step: no partial results, no damage to other results, and the next run repairs everything."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as pads
import pytest

from persona_assets.capture.resource import Capture
from persona_assets.errors import StorageError
from persona_assets_tests.dying import Moment, materialize, materialize_and_die, materialize_together
from persona_assets_tests.whole_graph import (
    DAILY_STEPS,
    DAY,
    FOLDERS,
    folders_of,
    forget,
    hidden_files,
    made_by,
    settings,
    stored,
)

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def other_disk() -> Iterator[Path]:
    """A scratch folder on another disk than the data, so that tables are copied instead of renamed."""
    here = Path(tempfile.gettempdir()).stat().st_dev
    places = [Path("/dev/shm"), Path("/var/tmp")]  # noqa: S108 - another file system than the data is needed
    others = [place for place in places if place.is_dir() and place.stat().st_dev != here]
    if not others:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        yield Path(folder)


@pytest.fixture
def kill(other_disk):
    """Run a step until it is killed; assert that its results are whole and all others unchanged."""

    def run(step: str, data: Path, moment: Moment, *, by: signal.Signals = signal.SIGKILL) -> None:
        before, others = stored(data), set(stored(data)) - set(made_by(step, data))

        assert materialize_and_die(step, DAY, moment, settings() | {"TMPDIR": str(other_disk)}) == -by

        after = stored(data)
        assert {name: after.get(name) for name in others} == {name: before[name] for name in others}

    return run


def assert_whole(step: str, data: Path, undisturbed: Path) -> None:
    """Assert that each table, and each folder as a whole, is absent or as in an undisturbed run."""
    seen, wanted = made_by(step, data), made_by(step, undisturbed)
    assert seen.items() <= wanted.items()
    assert step not in FOLDERS or seen in ({}, wanted)
    for folder in set(folders_of(step)) - set(FOLDERS):
        if any(name.startswith(f"{folder}/{DAY}") for name in seen):
            assert pads.dataset(data / folder).count_rows() == pads.dataset(undisturbed / folder).count_rows()


def assert_mended(step: str, data: Path, undisturbed: Path) -> None:
    """Assert that the next run makes the results of an undisturbed one."""
    materialize(step, DAY)

    assert stored(data) == stored(undisturbed)


@pytest.mark.parametrize("step", DAILY_STEPS)
def test_killed_before_anything_is_written(step, data, undisturbed, kill):
    forget(data, step)
    kill(step, data, Moment("os.mkdir", rf"/{step}$"))

    assert made_by(step, data) == {}
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize("step", DAILY_STEPS)
def test_killed_while_a_file_is_half_written(step, data, undisturbed, kill):
    forget(data, step)
    half = max(len(content) for name, content in made_by(step, undisturbed).items() if name.startswith(step)) // 2
    if step == "raw_events":
        half = len(stored(undisturbed)[f"raw_events/{DAY}.parquet"]) // 2
    kill(step, data, Moment("open", rf"/{step}/\.{DAY}", most_bytes=half), by=signal.SIGXFSZ)

    assert half in {file.stat().st_size for file in hidden_files(data)}
    assert_whole(step, data, undisturbed)
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize("step", DAILY_STEPS)
def test_killed_before_the_rename(step, data, undisturbed, kill):
    forget(data, step)
    kill(step, data, Moment("os.rename", rf"/{step}/\.{DAY}"))

    assert f"{step}/{DAY}.parquet" not in stored(data)
    assert_whole(step, data, undisturbed)
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize(("step", "second"), [("raw_events", "rejected_lines"), ("clusters", "clusters")])
def test_killed_between_two_tables_of_a_step(step, second, data, undisturbed, kill):
    forget(data, step)
    kill(step, data, Moment("os.rename", rf"/{second}/\.{DAY}"))

    assert made_by(step, data)
    assert f"{second}/{DAY}.parquet" not in stored(data)
    assert_whole(step, data, undisturbed)
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize("step", DAILY_STEPS)
def test_killed_while_it_remakes_a_stored_day(step, data, undisturbed, kill):
    kill(step, data, Moment("os.rename", rf"/({'|'.join(folders_of(step))})/(\.|){DAY}"))

    assert stored(data) == stored(undisturbed)
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize("step", ["lineage", "persona_labels"])
@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_killed_while_a_table_over_all_days_is_written(step, event, data, undisturbed, kill):
    place = rf"/\.{step}\.parquet"
    half = {"open": Moment(event, place, most_bytes=1000), "os.rename": Moment(event, place)}
    by = {"open": signal.SIGXFSZ, "os.rename": signal.SIGKILL}
    forget(data, step)
    kill(step, data, half[event], by=by[event])

    assert made_by(step, data) == {}
    assert_mended(step, data, undisturbed)


@pytest.mark.parametrize("part", ["vectors", "hashes"])
def test_killed_while_vectors_are_cached(part, data, undisturbed, kill):
    forget(data, "embeddings")
    kill("embeddings", data, Moment("os.rename", rf"/vector_store/\w+/\.\w+\.{part}"))

    assert made_by("embeddings", data) == {}
    assert_mended("embeddings", data, undisturbed)


@pytest.mark.parametrize("step", DAILY_STEPS)
def test_two_concurrent_runs_both_succeed(step, data, undisturbed, tmp_path):
    forget(data, step)
    in_place = Moment("os.rename", rf"/{step}/\.{DAY}")

    assert materialize_together(step, DAY, in_place, settings() | {"TMPDIR": str(tmp_path)}) == [0, 0]

    assert stored(data) == stored(undisturbed)
    assert hidden_files(data) == []


@pytest.mark.parametrize(
    ("step", "upstream"),
    [
        ("user_actions", f"raw_events/{DAY}.parquet"),
        ("english_posts", f"user_actions/{DAY}.parquet"),
        ("english_users", f"english_posts/{DAY}.parquet"),
        ("clusters", f"embeddings/{DAY}.parquet"),
        ("cluster_jsonl", f"clusters/{DAY}.parquet"),
        ("cluster_stats", f"cluster_jsonl/{DAY}/accounting.parquet"),
    ],
)
def test_a_damaged_table_is_named_and_nothing_changes(step, upstream, data):
    file = data / upstream
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = stored(data)

    with pytest.raises(StorageError, match=f"{upstream} is (not a whole Parquet file|damaged).*aterialize"):
        materialize(step, DAY)

    assert stored(data) == before


def test_a_capture_file_that_vanishes_after_listing_loses_only_its_own_lines(data, undisturbed, monkeypatch):
    list_day = Capture.list_day_files

    def list_and_lose_one(self, day):
        files = list_day(self, day)
        return [files[0]._replace(path=files[0].path.with_name("vanished")), *files[1:]]

    monkeypatch.setattr(Capture, "list_day_files", list_and_lose_one)

    materialize("raw_events", DAY)

    whole, rest = (pads.dataset(place / "raw_events").count_rows() for place in (undisturbed, data))
    rejected = pads.dataset(data / "rejected_lines").to_table().to_pylist()
    assert 0 < rest < whole
    assert [row["line_number"] for row in rejected if row["reason"].startswith("the file can't be read: No such")] == [
        0
    ]
