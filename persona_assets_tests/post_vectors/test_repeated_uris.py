"""Posts in the files of more than one day are found."""

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets.post_vectors.repeated_uris import find_repeated_uris
from persona_assets_tests.assets.clusters.builders import embeddings_of


def day_of(*uris):
    table = embeddings_of([(uri.split("/")[2], [1, 0]) for uri in uris], pa.float16())
    return table.set_column(0, table.schema.field("uri"), [list(uris)])


def find(folder, *days):
    files = [folder / f"{number}.parquet" for number in range(len(days))]
    for file, day in zip(files, days, strict=True):
        pq.write_table(day, file)
    return find_repeated_uris(pads.dataset([str(file) for file in files]), memory_limit="1GB", scratch=folder)


def test_uris_of_two_days_are_found_once_and_sorted(tmp_path):
    found = find(
        tmp_path, day_of("at://b/1", "at://a/1"), day_of("at://a/1", "at://c/1"), day_of("at://a/1", "at://b/1")
    )

    assert found.to_pylist() == ["at://a/1", "at://b/1"]


def test_a_single_day_and_days_without_repeated_posts_have_none(tmp_path):
    assert find(tmp_path, day_of("at://a/1"), day_of("at://a/2")).to_pylist() == []
    assert find(tmp_path, day_of("at://a/1")).to_pylist() == []
