"""Remove accounts from a data folder: search all files, change those that name them, and search again."""

import datetime as dt
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from upath import UPath

from persona_assets.common.cpu_count import count_threads
from persona_assets.common.progress import phase, reporting_progress
from persona_assets.errors import ForgettingError
from persona_assets.forgetting.affected_data import (
    DAILY_TABLES,
    find_days_of_files,
    hash_texts_without_other_authors,
    is_affected,
    table_name_of,
)
from persona_assets.forgetting.persona_folders import (
    delete_folder,
    forget_in_persona_folder,
    is_persona_folder,
    preview_persona_folder_changes,
)
from persona_assets.forgetting.proof import FileChange, Proof, ProofFile, format_proof_time
from persona_assets.forgetting.search import names_accounts_in
from persona_assets.forgetting.stored_files import StoredFile, StoredFiles, classify_stored_files, restore_moved_folders
from persona_assets.forgetting.table_files import find_table_units, forget_in_unit, preview_table_change
from persona_assets.forgetting.tombstone_files import FOLDER, add_tombstones, read_tombstones
from persona_assets.forgetting.vector_store import remove_vectors
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.atomic_storage import is_local_path

# Folders of a day of this asset are edited; those of others are deleted, and made again.
_EDITED = "cluster_jsonl"
# Searched once before and once after the changes. A third time is for what a run has stored in between.
_MAX_ROUNDS = 3
_MAX_THREADS = 4
_BYTES_PER_MB = 1_000_000


class StoragePlaces(NamedTuple):
    """Locations from which accounts are removed: results, vector cache, folders to skip, and window length."""

    data: UPath
    vector_store: Path | None  # None if vectors are not kept
    leave_out: Collection[str]  # paths of the file system of `data`: the capture, if it lies there
    window_days: int  # of the settings, for folders that do not say of which days they were made


def forget_accounts(
    account_ids: Collection[str],
    places: StoragePlaces,
    *,
    started: dt.datetime,
    log: Callable[[str], None],
    dry_run: bool = False,
) -> tuple[Proof, UPath | None]:
    """Remove accounts from all stored files; return the proof and the path of its file.

    A run that was killed at any moment is finished by another one. Files that name no account are not written.

    Args:
        account_ids: Valid ids.
        places: Where results are.
        started: The time of the start, by which the proof is named.
        log: Writes a line; it is given counts, and no ids.
        dry_run: Whether to change nothing. The proof has the changes that would be made, without digests, and no path.

    Raises:
        ForgettingError: Something else writes to the results, or a file cannot be searched.
        StorageError: A file is damaged, or the disk is full.
    """
    accounts, data = Accounts(account_ids), places.data
    if dry_run:
        tombstones = read_tombstones(data)
        known = len(tombstones) if tombstones else 0
        proof = ProofFile(data, Proof(format_proof_time(started), len(accounts), known))
        with reporting_progress(log):
            _Removal(accounts, places, proof, log).count()
        return proof.content, None
    with _lock(data), reporting_progress(log):
        # First of all, so that a run that starts from here on does not bring the accounts back.
        known = len(add_tombstones(data, account_ids))
        proof = ProofFile(data, Proof(format_proof_time(started), len(accounts), known))
        _Removal(accounts, places, proof, log).change()
        changed = {change.file for change in proof.content.changes}
        proof.content.files_unchanged = max(0, proof.content.files_searched - len(changed))
        proof.content.is_complete = not proof.content.not_removed
        proof.content.finished = format_proof_time(dt.datetime.now(dt.UTC))
        proof.write()
    return proof.content, proof.path


@contextmanager
def _lock(data: UPath) -> Generator[None]:
    """Let one `persona-forget` work on these results at a time, on a local disk."""
    if not is_local_path(data):
        yield
        return
    folder = Path((data / FOLDER).path)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ForgettingError("another persona-forget is at work on these results: wait until it has ended") from error
    try:
        yield
    finally:
        lock.release()


class _Removal:
    """One run: what it searches, changes and notes in its proof."""

    def __init__(self, accounts: Accounts, places: StoragePlaces, proof: ProofFile, log: Callable[[str], None]) -> None:
        self._accounts, self._places, self._file, self._log = accounts, places, proof, log
        self._proof = proof.content
        self._leave_out = [*places.leave_out, (places.data / FOLDER).path]
        if places.vector_store is not None and is_local_path(places.data):
            self._leave_out.append(str(places.vector_store.absolute()))
        # Files that name no account, and the version of each that was searched.
        self._clean: dict[str, tuple[object, ...]] = {}

    def change(self) -> None:
        """Search and change until a search finds nothing more."""
        for number in range(_MAX_ROUNDS):
            stored = self._remove_temporary()
            named = self._search(stored, is_first=not number)
            unknown = {file.name for file in stored.others} & named
            self._proof.not_removed = sorted(unknown)
            if named == unknown and number:
                return
            self._change(stored, named)
        raise ForgettingError(
            "something else stores the account again and again: stop all runs that write to these results, and run "
            "persona-forget again"
        )

    def count(self) -> None:
        """Note in the proof what `change` would do."""
        stored = self._list()
        named = self._search(stored, is_first=True)
        self._proof.not_removed = sorted({file.name for file in stored.others} & named)
        tables = [file for file in stored.tables if file.name in named]
        self._remove_vectors(stored, tables, only_count=True)
        for folder, files in stored.folders.items():
            if _is_edited(folder, files):
                self._proof.changes += preview_persona_folder_changes(files, self._accounts)
            elif self._is_to_delete(folder, files, tables, named):
                self._proof.changes += [FileChange(file.name, "deleted") for file in files]
                self._note_deleted(folder)
        self._proof.changes += [preview_table_change(file, self._accounts) for file in tables]

    def _list(self) -> StoredFiles:
        return classify_stored_files(self._places.data, leave_out=self._leave_out)

    def _remove_temporary(self) -> StoredFiles:
        """Remove what killed runs have left, and list the rest."""
        data = self._places.data
        restore_moved_folders(self._list(), data)
        left = [*self._list().temporary, *classify_stored_files(data / FOLDER).temporary]
        for place in left:
            data.fs.rm(place, recursive=True)
        self._proof.temporary_deleted += len(left)
        return self._list()

    def _search(self, stored: StoredFiles, *, is_first: bool) -> set[str]:
        """Return the names of the files that name an account; files that were searched before are not read again."""
        files = [*stored.tables, *(file for folder in stored.folders.values() for file in folder), *stored.others]
        new = [file for file in files if self._clean.get(file.name) != file.stamp]
        size = sum(file.size for file in new)
        self._log(f"searching {len(new):,} files, {size / _BYTES_PER_MB:,.0f} MB")
        named, searched = set[str](), 0
        # Large files first, so that no thread has one left when the others have ended.
        new.sort(key=lambda file: -file.size)
        with (
            phase("searching", what="MB", total=size // _BYTES_PER_MB) as progress,
            ThreadPoolExecutor(min(_MAX_THREADS, count_threads())) as pool,
        ):
            for file, found in zip(new, pool.map(self._names_accounts, new), strict=True):
                if found:
                    named.add(file.name)
                else:
                    self._clean[file.name] = file.stamp
                searched += file.size
                progress.advance_to(searched // _BYTES_PER_MB)
        self._log(f"{len(named):,} files name an account")
        if is_first:
            self._proof.files_searched = len(new)
        return named

    def _names_accounts(self, file: StoredFile) -> bool:
        return names_accounts_in(file, self._accounts)

    def _change(self, stored: StoredFiles, named: set[str]) -> None:
        """Change all files that name an account. What is found by daily tables comes before these are changed."""
        tables = [file for file in stored.tables if file.name in named]
        self._remove_vectors(stored, tables)
        for folder, files in stored.folders.items():
            place = self._places.data / folder
            if _is_edited(folder, files):
                if any(file.name in named for file in files):
                    forget_in_persona_folder(place, files, named, self._accounts, self._file)
            elif self._is_to_delete(folder, files, tables, named):
                self._note_deleted(folder)
                delete_folder(place, files, self._file)
        units = sorted(find_table_units(tables, stored.tables), key=lambda unit: _order_of(unit.main))
        with phase("changing", what="tables", total=len(units)) as progress:
            for unit in units:
                forget_in_unit(unit, self._accounts, self._file)
                progress.add(1)

    def _remove_vectors(self, stored: StoredFiles, named: list[StoredFile], *, only_count: bool = False) -> None:
        root = self._places.vector_store
        if root is None or not root.is_dir():
            return
        texts = hash_texts_without_other_authors(stored.tables, named, self._accounts)
        self._proof.vectors_deleted += remove_vectors(root, texts, only_count=only_count)

    def _is_to_delete(self, folder: str, files: list[StoredFile], tables: list[StoredFile], named: set[str]) -> bool:
        if any(file.name in named for file in files):
            return True
        if folder.startswith(f"{_EDITED}/"):  # its lines have ids: it is found by them alone
            return False
        day = folder.rpartition("/")[2]
        if any(file.path.stem == day for file in tables) or any(name.startswith(f"{_EDITED}/{day}/") for name in named):
            return True
        return is_affected(folder, files, find_days_of_files(tables), window_days=self._places.window_days)

    def _note_deleted(self, folder: str) -> None:
        asset, _, day = folder.partition("/")
        self._proof.to_make_again.setdefault(asset, []).append(day)


def _is_edited(folder: str, files: list[StoredFile]) -> bool:
    return folder.startswith(f"{_EDITED}/") and is_persona_folder(files)


def _order_of(file: StoredFile) -> tuple[int, str]:
    """Return the place of a table in the order of changes: daily tables last, as the others are found by them."""
    table = table_name_of(file)
    return (DAILY_TABLES.index(table) if table in DAILY_TABLES else -1), file.name


def count_changes(changes: Iterable[FileChange]) -> dict[str, int]:
    """Sum the changes in a proof: files, rows, lines, users and references removed, by name.

    Returns:
        Numbers of `files`, of `rows`, `lines` and `users` removed, of `references` taken out of rows that stay, and of
        files `deleted`.
    """
    counts: dict[str, int] = dict.fromkeys(["files", "rows", "references", "lines", "users", "deleted"], 0)
    for change in changes:
        counts["files"] += 1
        removed = (change.rows_before or 0) - (change.rows_after or 0)
        of = {"lines removed": "lines", "users removed": "users"}.get(change.what, "rows")
        counts[of] += removed
        counts["references"] += change.references
        counts["deleted"] += change.what == "deleted"
    return counts
