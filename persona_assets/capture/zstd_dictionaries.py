"""Load zstd dictionaries, without which frames that were compressed with one cannot be decompressed."""

import zstandard
from upath import UPath

from persona_assets.errors import CaptureFilesError

_MAGIC = b"\x37\xa4\x30\xec"
# Maximum size of a dictionary. The default of `zstd --train` is 110 KiB; a larger file is something else.
_MAX_DICTIONARY_BYTES = 1 << 26


def load_zstd_dictionaries(file_or_folder: UPath) -> dict[int, bytes]:
    """Read zstd dictionaries from a file, or from each file of a folder, and return their content by dictionary id.

    Args:
        file_or_folder: A dictionary, or a folder of them, in which other files are ignored.

    Raises:
        CaptureFilesError: There is no dictionary, or one is damaged.
    """
    files = sorted(file_or_folder.iterdir(), key=str) if file_or_folder.is_dir() else [file_or_folder]
    contents = [content for file in files if file.is_file() if (content := _read(file))]
    if not contents:
        raise CaptureFilesError(
            f"no zstd dictionary at {file_or_folder}: set PERSONA_ZSTD_DICTIONARIES to a file made by `zstd --train`, "
            "as Jetstream's, or to a folder of them"
        )
    return {int.from_bytes(content[4:8], "little"): content for content in contents}


def _read(file: UPath) -> bytes:
    """Return the dictionary in a file, or b"" if the file is something else."""
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            return b""
        content = _MAGIC + opened.read(_MAX_DICTIONARY_BYTES)
    if len(content) >= _MAX_DICTIONARY_BYTES:
        return b""
    try:
        # Test it now: a damaged dictionary would otherwise fail in the middle of a day, at the first frame that needs
        # it.
        dictionary = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    except zstandard.ZstdError as error:
        raise CaptureFilesError(
            f"the zstd dictionary {file} is damaged: copy it again, or remove it from PERSONA_ZSTD_DICTIONARIES"
        ) from error
    return content
