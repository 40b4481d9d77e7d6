"""`python -m persona_assets.find "a text"` or `... did:plc:...`: find personas in the stored results.

For a text, prints the nearest personas of the last day, or of `--day`. For the id of an account, prints its persona on
each day. The settings determine where the results are and which model embeds the text.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from persona_assets.command_line.find_personas import (
    find_personas_by_text,
    find_personas_of_user,
    list_days_with_clusters,
)
from persona_assets.errors import PersonaAssetsError
from persona_assets.settings import read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Search stored personas for a text or an account; print them as a table and return 0, or 1 without any."""
    parser = argparse.ArgumentParser(prog="python -m persona_assets.find", description="Find a persona.")
    parser.add_argument("what", help="a text, or the permanent id (DID) of an account")
    parser.add_argument("--day", type=dt.date.fromisoformat, help="of a text: the day, YYYY-MM-DD (default: the last)")
    parser.add_argument("--most", type=int, default=5, help="of a text: the number of personas (default: 5)")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        rows = (
            find_personas_of_user(settings.data, options.what)
            if options.what.startswith("did:")
            else find_personas_by_text(settings, options.what, day=options.day, max_personas=options.most)
        )
    except PersonaAssetsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    if not rows:
        days = list_days_with_clusters(settings.data)
        print(f"in no persona of {days[0]} to {days[-1]}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    for line in _align([list(rows[0]), *(list(map(_show, row.values())) for row in rows)]):
        print(line)  # noqa: T201 - a command
    return 0


def _show(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _align(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


if __name__ == "__main__":
    sys.exit(main())
