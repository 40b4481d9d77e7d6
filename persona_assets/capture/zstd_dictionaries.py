"""Load the dictionaries that frames of zstd were compressed with."""

import zstandard
from upath import UPath

from persona_assets.errors import CaptureError

_MAGIC = b"\x37\xa4\x30\xec"
# zstd makes dictionaries of 110 KiB; a larger file that begins like one is something else.
_MOST_BYTES = 1 << 26


def load_dictionaries(place: UPath) -> dict[int, bytes]:
    """Return the dictionary at `place`, or those in that folder, by id; other files in it are passed by.

    Raises:
        CaptureError: There is none, or one is damaged.
    """
    files = sorted(place.iterdir(), key=str) if place.is_dir() else [place]
    contents = [content for file in files if file.is_file() if (content := _read(file))]
    if not contents:
        raise CaptureError(
            f"no zstd dictionary at {place}: set PERSONA_ZSTD_DICTIONARIES to a file made by `zstd --train`, as "
            "Jetstream's, or to a folder of them"
        )
    return {int.from_bytes(content[4:8], "little"): content for content in contents}


def _read(file: UPath) -> bytes:
    """Return the dictionary that a file holds, or nothing where it holds something else."""
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            return b""
        content = _MAGIC + opened.read(_MOST_BYTES)
    if len(content) >= _MOST_BYTES:
        return b""
    try:
        # The dictionary is read when a frame is about to be: a damaged one would end a day in the middle.
        dictionary = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    except zstandard.ZstdError as error:
        raise CaptureError(
            f"the zstd dictionary {file} is damaged: copy it anew, or take it out of PERSONA_ZSTD_DICTIONARIES"
        ) from error
    return content
