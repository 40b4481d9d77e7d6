"""IO manager for `cluster_jsonl`: one folder of files per day.

A folder has `cluster_<N>.jsonl` (or `.jsonl.zst`), `user_clusters.json`, a Parquet file for each of `SMALL_TABLES` and
`LINE_TABLES`, `ignored.parquet` if ignored messages are switched on, and the checksums of these files.
"""

import datetime as dt
import io
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, NamedTuple

import dagster as dg
import msgspec
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import xxhash
import zstandard
from upath import UPath

from persona_assets import tables
from persona_assets.common.chunked_writes import write_in_pieces
from persona_assets.common.columns import require_schema
from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import reporting_progress
from persona_assets.common.provenance import read_provenance, with_provenance
from persona_assets.common.scratch import Scratch
from persona_assets.errors import StorageError
from persona_assets.io_managers.atomic_storage import arrow_filesystem, is_local_path, replacing_folder
from persona_assets.io_managers.folder_checksums import (
    open_verified,
    read_checksum_file,
    read_verified,
    verify_listed_files,
    write_checksum_file,
)
from persona_assets.io_managers.window_days import find_window_paths
from persona_assets.partitions import parse_day

USER_CLUSTERS, IGNORED = "user_clusters.json", "ignored.parquet"
# Small tables in each folder, by name: one Parquet file each.
SMALL_TABLES = {
    "accounting": tables.ACTION_ACCOUNTING,
    "actions_by_hour": tables.ACTIONS_BY_HOUR,
    "actions_per_user": tables.ACTIONS_PER_USER,
}
# Bytes of lines in memory, for all clusters together, before they are appended to their files.
MAX_BUFFERED_BYTES = 64 * 2**20
ZSTD_SUFFIX = ".zst"


class ClusterFolderContents(NamedTuple):
    """Output value of `cluster_jsonl`: the lines, user clusters and tables that one folder gets.

    Lines are a stream, the rest is small.
    """

    # Batches of lines: the cluster_id, the lines with their line ends, and their number. Within a cluster they come in
    # the order of the file. Batches of hundreds of lines take a third of the time of single lines.
    lines: Iterator[tuple[int, bytes | memoryview, int]]
    user_clusters: Mapping[str, int]
    small_tables: Mapping[str, pa.Table]  # by the names in SMALL_TABLES
    compression: Literal["none", "zstd"] = "none"
    ignored: Path | None = None  # a Parquet file with the columns of IGNORED_EVIDENCE and `day`
    cluster_ids: frozenset[int] = frozenset()  # clusters that get a file, also if `user_clusters` has no user of them
    # Parquet files by the names in LINE_TABLES, with the column `day`; they exist once `lines` is exhausted.
    line_tables: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True)
class ClusterFolder:
    """The input value for assets that read `cluster_jsonl`: one day's folder; its files are read on demand."""

    path: UPath
    checksums: Mapping[str, str] | None = None  # by file name; None for a folder of version 0.1, which has none

    def read_table(self, name: str) -> pa.Table:
        """Return the table `accounting`, `actions_by_hour` or `actions_per_user`, with its provenance as metadata.

        Raises:
            StorageError: Its file is damaged.
        """
        file = self.path / f"{name}.parquet"
        content = read_verified(file, self.checksums)
        try:
            table = pq.read_table(pa.BufferReader(content), schema=SMALL_TABLES[name])  # leaves out the column `day`
            return with_provenance(table, read_provenance(pq.read_schema(pa.BufferReader(content))))
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{file} is not a whole Parquet file: materialize this partition again") from error

    def open_line_table(self, name: str) -> pads.FileSystemDataset:
        """Open `lines` (a row per JSON line) or `line_messages` (a row per message that lines show) as a lazy dataset.

        Raises:
            StorageError: The folder is of a version that had none.
        """
        file = self.path / f"{name}.parquet"
        if not file.exists():
            raise StorageError(f"{self.path} has no {file.name}: materialize this partition of cluster_jsonl again")
        options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
        return pads.FileSystemDataset.from_paths(
            [file.path],
            schema=LINE_TABLES[name],
            format=pads.ParquetFileFormat(default_fragment_scan_options=options),
            filesystem=arrow_filesystem(file.fs),
        )

    def open_ignored(self) -> pads.FileSystemDataset | None:
        """Return the evidence of ignored messages as a lazy dataset; None if none were estimated."""
        file = self.path / IGNORED
        if not file.exists():
            return None
        options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
        dataset = pads.dataset(
            [file.path],
            format=pads.ParquetFileFormat(default_fragment_scan_options=options),
            filesystem=arrow_filesystem(file.fs),
        )
        assert isinstance(dataset, pads.FileSystemDataset)  # noqa: S101 - what pyarrow makes of files
        return dataset

    def read_user_clusters(self) -> dict[str, int]:
        """Return a dict from each `user_id` to its `cluster_id`.

        Raises:
            StorageError: The file is damaged.
        """
        return msgspec.json.decode(read_verified(self.path / USER_CLUSTERS, self.checksums), type=dict[str, int])

    def read_lines(self, cluster_id: int) -> Iterator[bytes]:
        """Yield the lines of one cluster without their line ends, decompressed if necessary.

        Raises:
            StorageError: The file is damaged. Raised after the last line, or earlier if it cannot be decompressed.
        """
        file = self.path / cluster_file_name(cluster_id)
        is_plain = file.exists()
        if not is_plain:
            file = file.with_name(f"{file.name}{ZSTD_SUFFIX}")
        try:
            with open_verified(file, self.checksums) as stored:
                for line in stored if is_plain else _decompress(stored):
                    yield line.rstrip(b"\n")
        except zstandard.ZstdError as error:
            raise StorageError(f"{file} is damaged: materialize this partition again") from error


def _decompress(stored: BinaryIO) -> BinaryIO:
    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stored, closefd=False))


def cluster_file_name(cluster_id: int | Literal["*"]) -> str:
    """Return the name of a cluster's uncompressed file. `*` gives the glob pattern for all clusters."""
    return f"cluster_{cluster_id}.jsonl"


class ClusterFolderIOManager(dg.UPathIOManager):
    """IO manager that stores `ClusterFolderContents` as a folder per day, and loads it as a `ClusterFolder`."""

    def __init__(self, base_path: UPath, scratch: Scratch) -> None:
        """Store below `base_path`; a folder for remote storage is built in `scratch` first."""
        super().__init__(base_path)
        self._scratch = scratch

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write the files of `obj`, `ClusterFolderContents`, to a new folder, which then replaces `path`."""
        for name, schema in SMALL_TABLES.items():
            require_schema(obj.small_tables[name].schema, schema, table=name)
        with (
            reporting_progress(context.log.info),
            replacing_folder(path, last_file=USER_CLUSTERS, scratch=self._scratch.new_folder()) as folder,
        ):
            lines = write_cluster_folder(folder, obj, day=parse_day(context.partition_key))
            size = sum(file.stat().st_size for file in folder.iterdir())
        context.add_output_metadata(
            {
                "dagster/partition_row_count": lines,
                "clusters": len(obj.cluster_ids.union(obj.user_clusters.values())),
                "size_bytes": size,
                "folder": dg.MetadataValue.path(str(path)),
            }
        )

    def load_from_path(self, context: dg.InputContext, path: UPath) -> ClusterFolder:
        """Return the folder of one day.

        Raises:
            StorageError: The folder is incomplete, or its files have changed since they were written.
        """
        for name in (USER_CLUSTERS, *(f"{table}.parquet" for table in SMALL_TABLES)):
            if not (path / name).exists():
                raise StorageError(f"{path} has no {name}: materialize {context.asset_key.to_user_string()} again")
        checksums = read_checksum_file(path)
        if checksums is None:
            context.log.warning(
                "%s has no checksums, as folders of version 0.1: damage to its files would not be seen", path
            )
        elif is_local_path(path):  # remote files are verified while they are read, so that none is fetched twice
            with reporting_progress(context.log.info):
                verify_listed_files(path, checksums)
        return ClusterFolder(path, checksums)

    def load_partitions(self, context: dg.InputContext) -> ClusterFolder:
        """Return the folder of the partition's day, the last day of the window."""
        return self.load_from_path(context, find_window_paths(context, self._get_paths_for_partitions(context))[-1])


class JsonlIOManager(dg.ConfigurableIOManagerFactory[ClusterFolderIOManager]):
    """Configures the IO manager for JSONL folders below `base`, a path or fsspec URL."""

    base: str
    scratch: dg.ResourceDependency[Scratch]

    def create_io_manager(self, context: dg.InitResourceContext) -> ClusterFolderIOManager:
        """Return the IO manager; nothing is written yet."""
        del context
        return ClusterFolderIOManager(UPath(self.base).absolute(), self.scratch)


def write_cluster_folder(folder: Path, contents: ClusterFolderContents, *, day: dt.date) -> int:
    """Write the lines, user list and small tables of one day to an existing folder; return the number of lines.

    Every cluster of `user_clusters` and `cluster_ids` gets a file, which may be empty. At most 64 MiB of lines are in
    memory. Files are compressed after all lines are written, so that the disk needs space for the uncompressed files.
    """
    for cluster_id in sorted(contents.cluster_ids.union(contents.user_clusters.values())):
        (folder / cluster_file_name(cluster_id)).touch()
    lines, digests = _write_lines(folder, contents.lines)
    if contents.compression == "zstd":
        for file in folder.glob(cluster_file_name("*")):
            compress_file(file)
    if contents.ignored:
        shutil.copyfile(contents.ignored, folder / IGNORED)
    for name, file in contents.line_tables.items():
        shutil.copyfile(file, folder / f"{name}.parquet")
    (folder / USER_CLUSTERS).write_bytes(encode_user_clusters(contents.user_clusters))
    for name, table in contents.small_tables.items():
        schema = SMALL_TABLES[name].with_metadata(table.schema.metadata)
        write_parquet(folder / f"{name}.parquet", schema, [table], day_column=day)
    write_checksum_file(folder, digests)
    return lines


def encode_user_clusters(user_clusters: Mapping[str, int]) -> bytes:
    """Encode the cluster of each user as the content of the file `USER_CLUSTERS`, sorted by user."""
    return msgspec.json.format(msgspec.json.encode(user_clusters, order="sorted"), indent=1) + b"\n"


def _write_lines(folder: Path, batches: Iterator[tuple[int, bytes | memoryview, int]]) -> tuple[int, dict[str, str]]:
    """Append lines to the files of their clusters; return their number, and the digest of each file by name."""
    buffers: defaultdict[int, list[bytes | memoryview]] = defaultdict(list)
    digests: defaultdict[int, xxhash.xxh3_128] = defaultdict(xxhash.xxh3_128)
    buffered_bytes = n_lines = 0
    for cluster_id, lines, n_batch_lines in batches:
        buffers[cluster_id].append(lines)
        buffered_bytes += len(lines)
        n_lines += n_batch_lines
        if buffered_bytes >= MAX_BUFFERED_BYTES:
            _flush(folder, buffers, digests)
            buffered_bytes = 0
    _flush(folder, buffers, digests)
    return n_lines, {cluster_file_name(cluster_id): digest.hexdigest() for cluster_id, digest in digests.items()}


def _flush(
    folder: Path, buffers: defaultdict[int, list[bytes | memoryview]], digests: defaultdict[int, xxhash.xxh3_128]
) -> None:
    for cluster_id, batches in buffers.items():
        with (folder / cluster_file_name(cluster_id)).open("ab") as file:
            for lines in batches:
                write_in_pieces(file, lines)
                digests[cluster_id].update(lines)
    buffers.clear()


def compress_file(file: Path) -> None:
    """Replace a file by its zstd-compressed form.

    Compressing after all lines are written has three reasons. The file is one frame, which every reader supports. Its
    bytes do not depend on when lines were appended. And one compressor is in memory instead of one per cluster.
    """
    with file.open("rb") as plain, file.with_name(f"{file.name}{ZSTD_SUFFIX}").open("wb") as compressed:
        zstandard.ZstdCompressor().copy_stream(plain, compressed, size=file.stat().st_size)
    file.unlink()
