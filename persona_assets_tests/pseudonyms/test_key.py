"""Keys are read from a private file, and refused if they are weak. They are shown nowhere."""

import base64
import pickle

import pytest

from persona_assets.errors import PseudonymKeyError
from persona_assets.pseudonyms.key import MIN_KEY_BYTES, PseudonymKey, read_key_file

KEY = bytes(range(MIN_KEY_BYTES))


def write(path, data, mode=0o600):
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "data",
    [KEY, KEY.hex().encode() + b"\n", KEY.hex().upper().encode(), base64.b64encode(KEY) + b"\n"],
    ids=["bytes", "hex", "HEX", "base64"],
)
def test_a_key_is_read_from_bytes_hexadecimal_digits_or_base64(tmp_path, data):
    assert read_key_file(write(tmp_path / "key", data)).reveal() == KEY


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "fewer than 32 bytes"),
        (KEY[:-1], "fewer than 32 bytes"),
        (bytes(64), "repeats a few bytes"),
        (b"password" * 4, "repeats a few bytes"),
    ],
)
def test_a_weak_key_is_refused_without_being_shown(tmp_path, value, message):
    with pytest.raises(PseudonymKeyError, match=message) as caught:
        read_key_file(write(tmp_path / "key", value.hex().encode()))

    assert value == b"" or value.hex() not in str(caught.value)


def test_short_hexadecimal_digits_do_not_pass_as_a_long_text(tmp_path):
    with pytest.raises(PseudonymKeyError, match="fewer than 32 bytes"):
        read_key_file(write(tmp_path / "key", KEY[:16].hex().encode()))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        read_key_file(write(tmp_path / "key", KEY, mode))


def test_what_is_no_key_file_is_refused(tmp_path):
    with pytest.raises(PseudonymKeyError, match="cannot be read"):
        read_key_file(tmp_path / "missing")
    with pytest.raises(PseudonymKeyError, match="cannot be read"):
        read_key_file(tmp_path)
    with pytest.raises(PseudonymKeyError, match="no regular file"):
        read_key_file(write(tmp_path / "large", KEY * 1000))


def test_a_key_is_not_shown_and_not_pickled():
    key = PseudonymKey(KEY)

    assert KEY.hex() not in f"{key!r}{key}"
    assert repr(KEY) not in f"{key!r}{key}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)
