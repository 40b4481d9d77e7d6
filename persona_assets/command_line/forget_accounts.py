"""`persona-forget DID...`: remove accounts from everything that is stored below PERSONA_DATA.

Settings say where results are. Run it while nothing else writes to them.
"""

import datetime as dt
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from upath import UPath

from persona_assets.common.scratch import remove_abandoned_scratch
from persona_assets.errors import AccountIdError, PersonaAssetsError
from persona_assets.forgetting.forget import StoragePlaces, count_changes, forget_accounts
from persona_assets.forgetting.proof import Proof
from persona_assets.forgotten_accounts.accounts import parse_account_ids
from persona_assets.io_managers.atomic_storage import is_local_path
from persona_assets.settings import Settings, read_settings

_LOG = logging.getLogger("persona_forget")
_CAPTURE = (
    "The capture still holds what was recorded: its files are not changed. Tombstones keep the accounts out of every "
    "later run that reads it. What was published or copied elsewhere is not changed either."
)


def find_storage_places(settings: Settings) -> StoragePlaces:
    """Return where the settings say that results, cached vectors and the capture are stored."""
    data = UPath(settings.data).absolute()
    root = settings.vector_store or ("off" if not is_local_path(data) else str(data / "vector_store"))
    return StoragePlaces(
        data,
        None if root == "off" else Path(root).absolute(),
        [UPath(settings.capture).absolute().path],
        settings.window_days,
    )


def forget_and_print(settings: Settings, account_ids: Sequence[str], *, dry_run: bool) -> bool:
    """Remove accounts from all stored data, print what was done, and return whether nothing remains.

    Raises:
        PersonaAssetsError: The accounts cannot be removed. What was removed before stays removed.
    """
    os.umask(int(settings.umask, 8))
    if in_use := remove_abandoned_scratch(Path(tempfile.gettempdir())):
        _LOG.warning("%d runs are at work on this machine: stop those that write to these results", in_use)
    places = find_storage_places(settings)
    proof, path = forget_accounts(account_ids, places, started=dt.datetime.now(dt.UTC), log=_LOG.info, dry_run=dry_run)
    for line in describe_proof(proof, dry_run=dry_run):
        click.echo(line)
    if path is not None:
        click.echo(f"Proof: {path}")
    return not proof.not_removed


def describe_proof(proof: Proof, *, dry_run: bool = False) -> list[str]:
    """Return lines of text on what was removed, what to materialize again, and which files still name the accounts."""
    counts = count_changes(proof.changes)
    begin = "Would remove" if dry_run else "Removed"
    total = (
        f"{begin} {proof.accounts:,} accounts: {counts['rows']:,} rows, {counts['lines']:,} lines and "
        f"{counts['users']:,} users of personas' files, {proof.vectors_deleted:,} vectors, {counts['deleted']:,} files "
        f"of reports and data sets; {counts['references']:,} rows of others lose a reference to them. "
        f"{counts['files']:,} of {proof.files_searched:,} files change."
    )
    lines = [total]
    for asset, days in sorted(proof.to_make_again.items()):
        lines.append(
            f"Make {asset} again for {len(days):,} days, {days[0]} to {days[-1]}: dg launch --assets {asset} "
            f"--partition {days[0]}"
        )
    if proof.not_removed:
        lines.append(
            f"{len(proof.not_removed):,} files that persona_assets did not write name an account. Remove them, or the "
            f"account from them: {', '.join(proof.not_removed[:3])}"
        )
    return [*lines, _CAPTURE]


@click.command(name="persona-forget")
@click.argument("dids", metavar="[DID]...", nargs=-1)
@click.option(
    "--list",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with more account ids, one on a line.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and change nothing.")
def main(dids: tuple[str, ...], list_file: Path | None, *, dry_run: bool) -> None:
    """Remove accounts from everything below PERSONA_DATA, and keep later runs from bringing them back.

    Stop all runs first. A proof without ids is written to PERSONA_DATA/forgotten/proofs. The exit status is 1 if
    something remains.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        account_ids = list(dict.fromkeys(parse_account_ids(dids) + _read_list(list_file)))
        if not account_ids:
            raise AccountIdError("no account id is given: persona-forget DID, or persona-forget --list FILE")
        is_done = forget_and_print(read_settings(), account_ids, dry_run=dry_run)
    except PersonaAssetsError as error:
        sys.exit(str(error))
    sys.exit(0 if is_done else 1)


def _read_list(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return parse_account_ids(file.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise AccountIdError("the list of account ids is no text in UTF-8") from error
    except AccountIdError as error:
        raise AccountIdError(f"in the list of account ids: {error}") from None


if __name__ == "__main__":
    main()
