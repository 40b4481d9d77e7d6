"""The files of personas as one folder a day.

`cluster_<N>.jsonl` (or `.jsonl.zst`), `user_clusters.json`, the tables of `BESIDE`, `ignored.parquet` where
ignored messages are asked for, and the checksums of them all.
"""

import datetime as dt
import io
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import dagster as dg
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import zstandard
from upath import UPath

from persona_assets import tables
from persona_assets.common.chunked_writes import write_in_pieces
from persona_assets.common.columns import require_schema
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import read_provenance, with_provenance
from persona_assets.common.scratch import Scratch
from persona_assets.errors import StorageError
from persona_assets.io_managers.atomic_storage import is_local, replacing_folder
from persona_assets.io_managers.folder_checksums import (
    open_verified,
    read_checksums,
    read_verified,
    verify_files,
    write_checksums,
)
from persona_assets.io_managers.window_days import days_present
from persona_assets.partitions import parse_day

USER_CLUSTERS, IGNORED = "user_clusters.json", "ignored.parquet"
# Small tables that each folder has, a Parquet file each.
BESIDE = {
    "accounting": tables.ACTION_ACCOUNTING,
    "actions_by_hour": tables.ACTIONS_BY_HOUR,
    "actions_per_user": tables.ACTIONS_PER_USER,
}
# Lines held before they are appended to their files: with any number of clusters, memory stays at this.
BUFFER_BYTES = 64 * 2**20
ZSTD_SUFFIX = ".zst"


class ClusterLines(NamedTuple):
    """What is to be written: lines stream through, the rest is small."""

    # A cluster_id, some of its lines, each with its line end, and their number, in the order of the files: to hand over
    # lines by the hundred costs a third of handing over one at a time.
    lines: Iterator[tuple[int, bytes | memoryview, int]]
    user_clusters: Mapping[str, int]
    beside: Mapping[str, pa.Table]  # those of BESIDE
    compression: Literal["none", "zstd"] = "none"
    ignored: Path | None = None  # a Parquet file of IGNORED_EVIDENCE and the day


@dataclass(frozen=True)
class ClusterFolder:
    """What was written, read when asked for."""

    path: UPath
    checksums: Mapping[str, str] | None = None  # by file name; None where the folder has none

    def beside(self, name: str) -> pa.Table:
        """Return one of the tables of `BESIDE`, with the note of how it was made.

        Raises:
            StorageError: Its file is damaged.
        """
        file = self.path / f"{name}.parquet"
        content = read_verified(file, self.checksums)
        try:
            table = pq.read_table(pa.BufferReader(content), schema=BESIDE[name])  # without its column `day`
            return with_provenance(table, read_provenance(pq.read_schema(pa.BufferReader(content))))
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{file} is not a whole Parquet file: materialize this partition again") from error

    def user_clusters(self) -> dict[str, int]:
        """Return the cluster of each user.

        Raises:
            StorageError: The file is damaged.
        """
        return msgspec.json.decode(read_verified(self.path / USER_CLUSTERS, self.checksums), type=dict[str, int])

    def lines(self, cluster_id: int) -> Iterator[bytes]:
        """Yield the lines of one cluster, compressed or not, without their line ends.

        Raises:
            StorageError: The file is damaged; seen at its end, or earlier where it can't be decompressed.
        """
        file = self.path / cluster_file(cluster_id)
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


def cluster_file(cluster_id: int | Literal["*"]) -> str:
    """Return the name of a cluster's file before compression; `*` for the pattern of all."""
    return f"cluster_{cluster_id}.jsonl"


class JsonlFolders(dg.UPathIOManager):
    """Store `ClusterLines` as a folder, load it as a `ClusterFolder`."""

    def __init__(self, base_path: UPath, scratch: Scratch) -> None:
        """Store below `base_path`; a remote folder is put together in `scratch` first."""
        super().__init__(base_path)
        self._scratch = scratch

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write all files beside the old folder, then take its place."""
        for name, schema in BESIDE.items():
            require_schema(obj.beside[name].schema, schema, table=name)
        with replacing_folder(path, last_file=USER_CLUSTERS, scratch=self._scratch.new_folder()) as folder:
            lines = write_cluster_lines(folder, obj, day=parse_day(context.partition_key))
            size = sum(file.stat().st_size for file in folder.iterdir())
        context.add_output_metadata(
            {
                "dagster/partition_row_count": lines,
                "clusters": len(set(obj.user_clusters.values())),
                "size_bytes": size,
                "folder": dg.MetadataValue.path(str(path)),
            }
        )

    def load_from_path(self, context: dg.InputContext, path: UPath) -> ClusterFolder:
        """Return the folder of one day.

        Raises:
            StorageError: The folder is not whole, or its files are not those that were written.
        """
        for name in (USER_CLUSTERS, *(f"{table}.parquet" for table in BESIDE)):
            if not (path / name).exists():
                raise StorageError(f"{path} has no {name}: materialize {context.asset_key.to_user_string()} again")
        checksums = read_checksums(path)
        if checksums is None:
            context.log.warning(
                "%s has no checksums, as folders of version 0.1: damage to its files would not be seen", path
            )
        elif is_local(path):  # elsewhere each file is verified as it is read, so that none is fetched twice
            verify_files(path, checksums)
        return ClusterFolder(path, checksums)

    def load_partitions(self, context: dg.InputContext) -> ClusterFolder:
        """Return the folder of the partition's day."""
        return self.load_from_path(context, days_present(context, self._get_paths_for_partitions(context))[-1])


class JsonlIOManager(dg.ConfigurableIOManagerFactory[JsonlFolders]):
    """Folders of JSONL below `base` (a path or fsspec URL)."""

    base: str
    scratch: dg.ResourceDependency[Scratch]

    def create_io_manager(self, context: dg.InitResourceContext) -> JsonlFolders:
        """Open the place; nothing is written yet."""
        del context
        return JsonlFolders(UPath(self.base).absolute(), self.scratch)


def write_cluster_lines(folder: Path, written: ClusterLines, *, day: dt.date) -> int:
    """Write the lines of each cluster to its own file in `folder`, with what stands beside; return their number.

    Every cluster of `user_clusters` gets a file, if an empty one. Holds at most 64 MiB of lines. Where they are to be
    compressed, all files lie in `folder` plain before.
    """
    for cluster_id in sorted(set(written.user_clusters.values())):
        (folder / cluster_file(cluster_id)).touch()
    lines, digests = _write_lines(folder, written.lines)
    if written.compression == "zstd":
        for file in folder.glob(cluster_file("*")):
            _compress(file)
    if written.ignored:
        shutil.copyfile(written.ignored, folder / IGNORED)
    (folder / USER_CLUSTERS).write_bytes(
        msgspec.json.format(msgspec.json.encode(written.user_clusters, order="sorted"), indent=1) + b"\n"
    )
    for name, table in written.beside.items():
        schema = BESIDE[name].with_metadata(table.schema.metadata)
        write_parquet(folder / f"{name}.parquet", schema, [table], day=day)
    write_checksums(folder, digests)
    return lines


def _write_lines(folder: Path, some_lines: Iterator[tuple[int, bytes | memoryview, int]]) -> tuple[int, dict[str, str]]:
    """Append lines to the files of their clusters; return their number, and the digest of each file."""
    held: defaultdict[int, list[bytes | memoryview]] = defaultdict(list)
    digests: defaultdict[int, xxhash.xxh3_128] = defaultdict(xxhash.xxh3_128)
    held_bytes = lines = 0
    for cluster_id, some, number in some_lines:
        held[cluster_id].append(some)
        held_bytes += len(some)
        lines += number
        if held_bytes >= BUFFER_BYTES:
            _append(folder, held, digests)
            held_bytes = 0
    _append(folder, held, digests)
    return lines, {cluster_file(cluster_id): digest.hexdigest() for cluster_id, digest in digests.items()}


def _append(
    folder: Path, held: defaultdict[int, list[bytes | memoryview]], digests: defaultdict[int, xxhash.xxh3_128]
) -> None:
    for cluster_id, lines in held.items():
        with (folder / cluster_file(cluster_id)).open("ab") as file:
            for some in lines:
                write_in_pieces(file, some)
                digests[cluster_id].update(some)
    held.clear()


def _compress(file: Path) -> None:
    """Put a compressed file in the place of a plain one.

    After the lines are written, not while: then a file is one frame that any reader takes, its bytes do not depend on
    when lines were appended, and one compressor is in memory instead of one for each cluster.
    """
    with file.open("rb") as plain, file.with_name(f"{file.name}{ZSTD_SUFFIX}").open("wb") as compressed:
        zstandard.ZstdCompressor().copy_stream(plain, compressed, size=file.stat().st_size)
    file.unlink()
