"""Write a sample capture to its folder atomically, and refuse to overwrite other files."""

import os
import tempfile
from pathlib import Path

import msgspec

from persona_assets.sample.manifest import MAKER, SampleManifest


def _add_suffix(out: Path, suffix: str) -> Path:
    return out.with_name(out.name + suffix)


def refuse_to_overwrite(out: Path) -> None:
    """Raise `FileExistsError` unless the folder `out` is missing, empty, or an unchanged sample capture."""
    if not os.path.lexists(out) or (out.is_dir() and not out.is_symlink() and not any(out.iterdir())):
        return
    try:
        manifest = msgspec.json.decode(_add_suffix(out, ".manifest.json").read_bytes(), type=SampleManifest)
    except (FileNotFoundError, msgspec.MsgspecError):
        manifest = None
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    if manifest is None or manifest.made_by != MAKER or (manifest.files, manifest.bytes) != (len(sizes), sum(sizes)):
        raise FileExistsError(
            f"{out} holds something other than an untouched sample: choose another folder, or replace it by --force"
        )


def put_in_place(out: Path, files: dict[str, bytes], truth: bytes, manifest: SampleManifest) -> None:
    """Write a sample capture, its truth file and manifest to a temporary folder, then rename them to their places."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as staging_folder:
        staging = Path(staging_folder)
        for name, content in files.items():
            path = staging / "capture" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (staging / "truth").write_bytes(truth)
        (staging / "manifest").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        if os.path.lexists(out):
            out.rename(staging / "before")
        (staging / "capture").rename(out)
        (staging / "truth").replace(_add_suffix(out, ".truth.jsonl"))
        (staging / "manifest").replace(_add_suffix(out, ".manifest.json"))
