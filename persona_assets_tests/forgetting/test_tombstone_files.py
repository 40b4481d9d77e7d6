import json

import pytest
from upath import UPath

from persona_assets.errors import ForgettingError
from persona_assets.forgetting.tombstone_files import FOLDER, KEY, TOMBSTONES, add_tombstones, read_tombstones
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB


def test_a_folder_in_which_nobody_was_forgotten_has_none(tmp_path):
    assert read_tombstones(UPath(tmp_path / "none")) is None


def test_accounts_are_added_under_one_key(tmp_path):
    add_tombstones(UPath(tmp_path), [ALICE])
    key = (tmp_path / FOLDER / KEY).read_bytes()

    tombstones = add_tombstones(UPath(tmp_path), [BOB, ALICE])

    assert read_tombstones(UPath(tmp_path)).marks == tombstones.marks
    assert tombstones.find([ALICE, BOB, "did:plc:x"]) == {ALICE, BOB}
    assert (tmp_path / FOLDER / KEY).read_bytes() == key


def test_files_are_the_owners_alone_and_name_nobody(tmp_path):
    add_tombstones(UPath(tmp_path), [ALICE])

    for name in (KEY, TOMBSTONES):
        file = tmp_path / FOLDER / name
        assert file.stat().st_mode & 0o777 == 0o600
        assert ALICE.encode() not in file.read_bytes()
    assert json.loads((tmp_path / FOLDER / TOMBSTONES).read_bytes())["version"] == 1


@pytest.mark.parametrize(("name", "content"), [(KEY, None), (KEY, b"short"), (TOMBSTONES, b"{"), (TOMBSTONES, b"{}")])
def test_damaged_or_missing_files_are_an_error(tmp_path, name, content):
    add_tombstones(UPath(tmp_path), [ALICE])
    file = tmp_path / FOLDER / name
    file.unlink() if content is None else file.write_bytes(content)

    with pytest.raises(ForgettingError, match="damaged or missing"):
        read_tombstones(UPath(tmp_path))
