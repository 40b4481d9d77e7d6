"""A flipped bit in any stored file is an error that names the file, or changes nothing."""

import random
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from upath import UPath

from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.common.scratch import Scratch
from persona_assets.errors import StorageError
from persona_assets.io_managers.parquet_tables import (
    DatasetWithSideTables,
    ParquetUPathIOManager,
    metadata_to_load_all_stored_days,
)
from persona_assets.io_managers.persona_files import SMALL_TABLES, ClusterFolder, ClusterFolderIOManager
from persona_assets.io_managers.release_folders import ReleaseUPathIOManager
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS, DAY, FOLDERS, SIDE_TABLES, STEPS

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]

FLIPS = 320


def files_read_by_steps(data: Path) -> list[Path]:
    """Return all stored files except reports, which no step reads."""
    places = (*STEPS, "rejected_lines", *SIDE_TABLES)
    files = [
        file
        for place in places
        if place not in {"cluster_stats", "agent_profiles"}
        for file in sorted((data / place).rglob("*"))
    ]
    return [*(file for file in files if file.is_file()), *(data / f"{name}.parquet" for name in ALL_DAYS_ASSETS)]


def load(data: Path, file: Path) -> list[object]:
    """Load everything of the table or folder of `file` through the IO managers."""
    asset = file.relative_to(data).parts[0]
    if asset == "dataset":
        context = dg.build_input_context(asset_key=dg.AssetKey(asset))
        release = ReleaseUPathIOManager(UPath(data), Scratch()).load_from_path(context, UPath(data / asset / DAY))
        return [dict(release.checksums)]
    if asset in FOLDERS:
        manager = ClusterFolderIOManager(UPath(data), Scratch())
        folder = manager.load_from_path(dg.build_input_context(asset_key=dg.AssetKey(asset)), UPath(data / asset / DAY))
        return read_folder(folder)
    manager = ParquetUPathIOManager(UPath(data))
    if asset.endswith(".parquet"):
        key = dg.AssetKey(asset.removesuffix(".parquet"))
        whole = manager.load_from_path(dg.build_input_context(asset_key=key), UPath(data / asset))
        return [whole.to_table()]
    asset = "clusters" if asset in SIDE_TABLES else asset
    side_tables = SIDE_TABLES if asset == "clusters" else ()
    context = dg.build_input_context(
        asset_key=dg.AssetKey(asset),
        definition_metadata=metadata_to_load_all_stored_days(*side_tables),
        partition_key=DAY,
        asset_partitions_def=dg.StaticPartitionsDefinition([DAY]),
        asset_partition_key_range=dg.PartitionKeyRange(DAY, DAY),
    )
    loaded: DatasetWithSideTables = manager.load_partitions(context)
    return [loaded.main.to_table(), *(loaded.side_tables[side].to_table() for side in side_tables)]


def read_folder(folder: ClusterFolder) -> list[object]:
    users = folder.read_user_clusters()
    return [
        users,
        *(folder.read_table(name) for name in SMALL_TABLES),
        *(folder.open_line_table(name).to_table() for name in LINE_TABLES),
        *(list(folder.read_lines(cluster)) for cluster in sorted(set(users.values()))),
    ]


def same(one: list[object], other: list[object]) -> bool:
    return len(one) == len(other) and all(
        a.equals(b) if isinstance(a, pa.Table) else a == b for a, b in zip(one, other, strict=True)
    )


def test_no_flipped_bit_changes_a_result_silently(data):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - to find a failure again
    rng = random.Random(seed)  # noqa: S311 - no secret
    files = files_read_by_steps(data)
    wanted = {file: load(data, file) for file in files}
    outcomes = {"named": 0, "same": 0}
    silent: list[str] = []
    for number in range(FLIPS):
        file = files[number % len(files)]
        content = file.read_bytes()
        bit = rng.randrange(8 * len(content)) if content else 0
        flipped = bytearray(content or b"\0")
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bytes(flipped))
        try:
            if same(load(data, file), wanted[file]):
                outcomes["same"] += 1
            else:
                silent.append(f"{file.relative_to(data)}, bit {bit}")
        except StorageError as error:
            assert file.name in str(error) or f"{file.parent}" in str(error)  # noqa: PT017 - the test is about the message
            outcomes["named"] += 1
        finally:
            file.write_bytes(content)

    assert silent == []
    assert outcomes["named"] + outcomes["same"] == FLIPS
    assert outcomes["named"] > FLIPS * 0.9
