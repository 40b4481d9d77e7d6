"""`python -m persona_assets.fetch_archive day 2026-09-01 ...` or `... cohort FILE`: put events into the capture.

A day is its sealed segments. A cohort is every event of the accounts in a file, one id on each line. The settings
determine the server, its token and where the capture is.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from persona_assets.archive.client import ArchiveClient
from persona_assets.archive.cohort import download_cohort
from persona_assets.archive.day import download_day
from persona_assets.errors import ArchiveError, PersonaAssetsError
from persona_assets.settings import Settings, read_settings

_MAX_LIST_BYTES = 1 << 28  # of the file with a cohort


def main(arguments: Sequence[str] | None = None) -> int:
    """Download archived days, or all events of some accounts, into the capture; return exit status 0, or 1 on error."""
    parser = argparse.ArgumentParser(
        prog="python -m persona_assets.fetch_archive", description="Download from the archive."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    days = commands.add_parser("day", help="all events of days")
    days.add_argument("days", nargs="+", type=dt.date.fromisoformat, help="days (UTC), YYYY-MM-DD")
    cohort = commands.add_parser("cohort", help="all events of some accounts, of any day")
    cohort.add_argument("file", type=Path, help="a text file of account ids (DIDs), one on each line")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        root = _find_root(settings)
        with _open_client(settings) as client:
            if options.command == "day":
                for day in options.days:
                    _download_day(client, day, root)
            else:
                _download_cohort(client, options.file, root)
    except PersonaAssetsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


def _open_client(settings: Settings) -> ArchiveClient:
    return ArchiveClient(settings.archive_url, settings.archive_token)


def _find_root(settings: Settings) -> Path:
    if "://" in settings.capture:
        raise ArchiveError("the archive is downloaded to a local folder: set PERSONA_CAPTURE to one")
    return Path(settings.capture)


def _download_day(client: ArchiveClient, day: dt.date, root: Path) -> None:
    made = download_day(client, day, root)
    missing = len(made.manifest.missing_indexes)
    print(  # noqa: T201 - a command
        f"{day}: {len(made.manifest.segments)} segments with {made.events:,} events, those of the days around "
        f"included; {made.downloaded_bytes:,} bytes downloaded"
        + (f"; {missing} segments between them are not listed" if missing else "")
    )


def _download_cohort(client: ArchiveClient, file: Path, root: Path) -> None:
    try:
        if file.stat().st_size > _MAX_LIST_BYTES:
            raise ArchiveError(f"{file} is too large for a list of account ids")
        dids = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{file} is no readable text file: give a file of account ids") from error
    made = download_cohort(client, dids, root)
    print(  # noqa: T201 - a command
        f"{made.events.total():,} events on {len(made.days):,} days; their time is that of the server for "
        f"{made.events['witnessed']:,}, of the record for {made.events['created']:,}, imported for "
        f"{made.events['imported']:,}; dropped: {made.dropped.total():,}"
    )


if __name__ == "__main__":
    sys.exit(main())
