"""`python -m persona_assets.sample --out data/capture`: generate a synthetic capture with planted personas."""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from persona_assets.sample.write import write_capture


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate a synthetic capture with the options in `arguments` (default: `sys.argv`); return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m persona_assets.sample", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/capture"), help="folder to make; default %(default)s")
    parser.add_argument("--days", type=int, default=3, help="default %(default)s")
    parser.add_argument("--start", type=dt.date.fromisoformat, default=dt.date(2025, 3, 1), help="first day (UTC)")
    parser.add_argument("--users", type=int, default=600, help="accounts; default %(default)s")
    parser.add_argument("--personas", type=int, default=8, help="planted topics, 1 to 10; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    parser.add_argument(
        "--consent",
        action="store_true",
        help="also plant accounts that refuse purposes, delete posts or leave; the manifest says what is true of them",
    )
    parser.add_argument("--force", action="store_true", help="replace a folder that was not made by this command")
    options = parser.parse_args(arguments)
    try:
        manifest = write_capture(
            options.out,
            days=options.days,
            start_date=options.start,
            users=options.users,
            personas=options.personas,
            seed=options.seed,
            consent=options.consent,
            force=options.force,
        )
    except (ValueError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    sys.stdout.write(
        f"{options.out}: {manifest.lines:,} lines in {manifest.files} files, {manifest.days} days, "
        f"{manifest.users} users, {len(manifest.personas)} personas\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
