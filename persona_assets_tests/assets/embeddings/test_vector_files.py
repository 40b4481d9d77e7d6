"""The flat file of vectors and the Parquet file of `embeddings`."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.embeddings.vector_files import (
    choose_rows_per_group,
    max_unit_length_error,
    read_vectors_at_rows,
    write_embeddings_table,
    write_vectors_at_rows,
)

VECTORS = np.arange(15, dtype=np.float16).reshape(5, 3)


def table(rows):
    schema = tables.embeddings_schema(3)
    values = pa.array(VECTORS[rows].reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(values, type=schema.field("vector").type)
    return pa.record_batch([[f"at://{row}" for row in rows], ["u"] * len(rows), vectors], schema=schema)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [3]])
def test_vectors_are_read_back_in_any_order(tmp_path, order):
    with (tmp_path / "flat").open("w+b") as file:
        write_vectors_at_rows(file, np.array(order), VECTORS[order])
        file.flush()

        found = read_vectors_at_rows(file.fileno(), np.array(order[::-1]), width=3, dtype=VECTORS.dtype)

    np.testing.assert_array_equal(found, VECTORS[order[::-1]])


def test_row_groups_of_wide_vectors_have_fewer_rows():
    assert choose_rows_per_group(384) == 4096
    assert choose_rows_per_group(1024) == 1536
    assert choose_rows_per_group(10**9) == 1


def test_each_batch_becomes_a_row_group_and_duckdb_reads_the_file(tmp_path):
    file = tmp_path / "x.parquet"

    assert write_embeddings_table(file, tables.embeddings_schema(3), [table([0, 1, 2]), table([3, 4])]) == 5

    assert pq.read_metadata(file).num_row_groups == 2
    assert duckdb.read_parquet(str(file)).aggregate("sum(vector[1])").fetchall() == [(30,)]


@pytest.mark.parametrize(
    ("components", "max_error"), [([0.6, 0.8, 0.0], 0), ([0.0, 0.0, 1.5], 0.5), ([np.nan] * 3, np.inf)]
)
def test_the_largest_deviation_of_a_norm_from_one_is_found(components, max_error):
    vectors = np.array([[1, 0, 0], components], np.float16)

    assert max_unit_length_error(vectors) == pytest.approx(max_error, abs=1e-3)


def test_the_deviation_is_zero_without_vectors():
    assert max_unit_length_error(np.empty((0, 3), np.float16)) == 0
