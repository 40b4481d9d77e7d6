import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_assets.common.content_file import ContentFile

batches = st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches)
def test_strings_are_read_back_in_the_order_of_their_numbers(tmp_path_factory, batches):
    contents = ContentFile(tmp_path_factory.mktemp("contents") / "file")
    for batch in batches:
        contents.append(pa.array(batch, pa.string()))
    contents.close()

    found = contents.open_as_array()

    assert found.to_pylist() == [string for batch in batches for string in batch]
    assert contents.count == len(found)


def test_only_the_strings_of_a_slice_are_written(tmp_path):
    contents = ContentFile(tmp_path / "file")
    contents.append(pa.array(["left out", "first", "", "é", "left out too"]).slice(1, 3))
    contents.close()

    assert contents.open_as_array().to_pylist() == ["first", "", "é"]


def test_an_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        ContentFile(tmp_path / "file")
