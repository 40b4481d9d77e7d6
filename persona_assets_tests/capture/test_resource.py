import os

import pytest
import zstandard

from persona_assets.capture.resource import Capture
from persona_assets_tests.assets.raw_events.builders import DAY, post, write_file


def test_defaults_come_from_the_settings(monkeypatch):
    monkeypatch.setenv("PERSONA_CAPTURE", "/somewhere")
    monkeypatch.setenv("PERSONA_CAPTURE_PATTERN", "%Y%m%d")
    monkeypatch.setenv("PERSONA_WORKERS", "3")

    capture = Capture()

    assert (capture.root, capture.pattern, capture.count_workers()) == ("/somewhere", "%Y%m%d", 3)


def test_without_the_setting_the_available_cores_are_used(monkeypatch):
    monkeypatch.delenv("PERSONA_WORKERS", raising=False)

    assert 1 <= Capture().count_workers() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("pattern", [None, "%Y-%m-%d"])
def test_a_day_is_found_below_the_root(tmp_path, pattern):
    write_file(tmp_path / "2025-03-01" / "a", [post()])

    (file,) = Capture(root=str(tmp_path), pattern=pattern).list_day_files(DAY)

    assert file.name == "2025-03-01/a"


def test_a_relative_root_is_below_the_working_folder(tmp_path, monkeypatch):
    write_file(tmp_path / "capture" / "2025-03-01" / "a", [post()])
    monkeypatch.chdir(tmp_path)

    (file,) = Capture(root="capture", pattern=None).list_day_files(DAY)

    assert (file.name, file.path.read_bytes()[:1]) == ("2025-03-01/a", b"{")


def test_dictionaries_are_loaded_where_the_setting_names_them(tmp_path, monkeypatch):
    samples = [b"sample %d of %d" % (number, number**3) for number in range(300)]
    (tmp_path / "a").write_bytes(zstandard.train_dictionary(1024, samples, dict_id=7).as_bytes())

    monkeypatch.setenv("PERSONA_ZSTD_DICTIONARIES", str(tmp_path))
    assert set(Capture().load_dictionaries()) == {7}
    monkeypatch.delenv("PERSONA_ZSTD_DICTIONARIES")
    assert Capture().load_dictionaries() == {}
