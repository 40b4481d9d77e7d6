"""`persona-rehydrate`: fill a data set of addresses with texts, and leave out what was deleted since."""

import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow.dataset as pads
from upath import UPath

from persona_assets.assets.dataset.rehydrate import Rehydrated, rehydrate
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files
from persona_assets.capture.zstd_dictionaries import load_zstd_dictionaries
from persona_assets.common.progress import reporting_progress
from persona_assets.errors import CaptureFilesError, PersonaAssetsError, SettingsError
from persona_assets.io_managers.atomic_storage import replacing_folder
from persona_assets.settings import Settings, read_settings
from persona_assets.tables import USER_ACTIONS

CARD = "README.md"


def rehydrate_folder(
    folder: Path, out: Path, *, capture: str | None, days: Sequence[dt.date], settings: Settings
) -> Rehydrated:
    """Fill the form `dehydrated` of a data set with texts, into a new folder that appears whole or not at all.

    Args:
        folder: The data set.
        out: The new folder; an earlier one is replaced.
        capture: Root of the capture that has the texts; None reads `user_actions` of PERSONA_DATA.
        days: Days that are read from the capture, or of the stored actions; none reads all stored days.
        settings: Where stored actions are, and the memory limit.

    Raises:
        PersonaAssetsError: There is no source, or the folder is no such data set.
    """
    with tempfile.TemporaryDirectory(prefix="persona-rehydrate-") as scratch:
        files = _parse_capture(capture, days, settings, Path(scratch)) if capture else _find_stored(settings.data, days)
        actions = pads.dataset([str(file) for file in files], schema=USER_ACTIONS, format="parquet")
        with replacing_folder(UPath(out).absolute(), last_file=CARD) as staged:
            made = rehydrate(folder, actions, staged, memory_limit=settings.memory_limit, scratch=Path(scratch))
            (staged / CARD).write_text(_write_card(made), encoding="utf-8")
    return made


def _find_stored(data: str, days: Sequence[dt.date]) -> list[Path]:
    folder = Path(data) / "user_actions"
    stored = sorted(folder.glob("*.parquet"))
    files = [file for file in stored if not days or file.stem in {f"{day}" for day in days}]
    if not files:
        raise SettingsError(f"{folder} has no stored days: set PERSONA_DATA, or name a capture with --capture")
    return files


def _parse_capture(capture: str, days: Sequence[dt.date], settings: Settings, scratch: Path) -> list[Path]:
    if not days:
        raise SettingsError("--capture needs --from and --to: the days to read")
    dictionaries = load_zstd_dictionaries(UPath(settings.zstd_dictionaries)) if settings.zstd_dictionaries else {}
    made: list[Path] = []
    for day in days:
        found = find_files(UPath(capture), day, pattern=settings.capture_pattern)
        if not found:
            raise CaptureFilesError(f"{capture} has no files of {day}")
        folder = scratch / f"{day}"
        (folder / "events").mkdir(parents=True)
        (folder / "actions").mkdir()
        events = parse_files(
            found, day=day, workers=settings.workers or 1, scratch=folder / "events", dictionaries=dictionaries
        )
        extracted = extract_distinct_actions(
            pads.dataset(events.raw_events), memory_limit=settings.memory_limit, scratch=folder / "actions"
        )
        events.raw_events.unlink()
        made.append(extracted.user_actions)
    return made


def _write_card(made: Rehydrated) -> str:
    reasons = "".join(f"- {count:,} {reason}\n" for reason, count in made.left_out.items()) or "- none\n"
    return (
        "---\nconfigs:\n- config_name: all\n  data_files:\n"
        + "".join(
            f"  - split: {split}\n    path: data/rehydrated/*/{split}-*.parquet\n"
            for split in ("train", "validation", "test")
        )
        + "---\n\n# A data set of addresses, filled with texts\n\n"
        f"{made.written:,} of {made.read:,} lines have all of their texts. Left out, by the first reason:\n\n"
        f"{reasons}"
    )


def _list_days(first: dt.datetime | None, last: dt.datetime | None) -> list[dt.date]:
    if first is None or last is None:
        return []
    return [(first + dt.timedelta(number)).date() for number in range((last - first).days + 1)]


@click.command(name="persona-rehydrate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--capture", help="Root of a capture that has the texts: a path or fsspec URL. Needs --from and --to.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day that is read.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day that is read.")
def main(folder: Path, out: Path, capture: str | None, first: dt.datetime | None, last: dt.datetime | None) -> None:
    """Fill the addresses of the data set in FOLDER with texts, into the new folder OUT.

    Texts are those of a capture, or of `user_actions` in PERSONA_DATA. Lines with a record or an account that was
    deleted by the last day read are left out and counted: read days up to now. Progress goes to standard error.
    """
    try:
        with reporting_progress(lambda line: click.echo(line, err=True)):
            days = _list_days(first, last)
            made = rehydrate_folder(folder, out, capture=capture, days=days, settings=read_settings())
    except PersonaAssetsError as error:
        sys.exit(str(error))
    click.echo(f"{made.written:,} of {made.read:,} lines filled: {out}")
    for reason, count in made.left_out.items():
        click.echo(f"left out: {count:,} {reason}")


if __name__ == "__main__":
    main()
