import pytest

from persona_assets.recording.json_files import read_json, sync_folder, write_json


def test_a_file_is_replaced_whole(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1})
    write_json(tmp_path / "a.json", {"b": 2})

    assert read_json(tmp_path / "a.json") == {"b": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    sync_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_what_is_no_object_is_empty(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)

    assert read_json(tmp_path / "a.json") == {}
    assert read_json(tmp_path / "none.json") == {}
