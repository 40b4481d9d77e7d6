import pytest
import zstandard
from upath import UPath

from persona_assets.capture.zstd_dictionaries import load_zstd_dictionaries
from persona_assets.errors import CaptureFilesError


def write_dictionary(path, dictionary):
    samples = [b"sample %d of %d" % (number, number**3) for number in range(300)]
    path.write_bytes(zstandard.train_dictionary(1024, samples, dict_id=dictionary).as_bytes())
    return path


def test_a_file_is_one_dictionary(tmp_path):
    file = write_dictionary(tmp_path / "a.zdict", 7)

    assert load_zstd_dictionaries(UPath(file)) == {7: file.read_bytes()}


def test_a_folder_holds_several_dictionaries_and_other_files_are_ignored(tmp_path):
    one, other = write_dictionary(tmp_path / "a", 7), write_dictionary(tmp_path / "b", 9)
    (tmp_path / "readme.md").write_text("dictionaries")
    (tmp_path / "folder").mkdir()

    assert load_zstd_dictionaries(UPath(tmp_path)) == {7: one.read_bytes(), 9: other.read_bytes()}


@pytest.mark.parametrize("place", ["nowhere", "empty", "text"])
def test_no_dictionary_says_which_variable_to_set(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no dictionary")

    with pytest.raises(CaptureFilesError, match="PERSONA_ZSTD_DICTIONARIES"):
        load_zstd_dictionaries(UPath(tmp_path / place))


@pytest.mark.parametrize("length", [4, 6, 300])
def test_the_error_names_a_damaged_dictionary(tmp_path, length):
    write_dictionary(tmp_path / "a", 7)
    damaged = write_dictionary(tmp_path / "b", 9)
    damaged.write_bytes((damaged.read_bytes()[:8] + b"\xff" * 1000)[:length])

    with pytest.raises(CaptureFilesError, match=f"the zstd dictionary {damaged} is damaged"):
        load_zstd_dictionaries(UPath(tmp_path))


@pytest.mark.shared_data
def test_jetstreams_dictionaries_have_the_known_ids(third_party_data):
    folder = third_party_data("jetstream", "Jetstream's zstd dictionaries (bluesky-social/jetstream)")

    assert set(load_zstd_dictionaries(UPath(folder))) == {1612007021, 20260811}
