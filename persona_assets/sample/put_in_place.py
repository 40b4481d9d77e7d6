"""Put a sample where it belongs, whole or not at all, and over nothing that was not made here."""

import os
import tempfile
from pathlib import Path

import msgspec

from persona_assets.sample.manifest import MAKER, SampleManifest


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(out.name + ending)


def refuse_foreign(out: Path) -> None:
    """Raise unless `out` is free, or holds just what its manifest says that was made here."""
    if not os.path.lexists(out) or (out.is_dir() and not out.is_symlink() and not any(out.iterdir())):
        return
    try:
        manifest = msgspec.json.decode(_beside(out, ".manifest.json").read_bytes(), type=SampleManifest)
    except (FileNotFoundError, msgspec.MsgspecError):
        manifest = None
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    if manifest is None or manifest.made_by != MAKER or (manifest.files, manifest.bytes) != (len(sizes), sum(sizes)):
        raise FileExistsError(
            f"{out} holds something other than an untouched sample: choose another folder, or replace it by --force"
        )


def put_in_place(out: Path, files: dict[str, bytes], truth: bytes, manifest: SampleManifest) -> None:
    """Write everything beside `out`, then move it there; what was at `out` goes once the new is complete."""
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
        (staging / "truth").replace(_beside(out, ".truth.jsonl"))
        (staging / "manifest").replace(_beside(out, ".manifest.json"))
