import pytest

from persona_assets.errors import ArchiveError, PersonaAssetsError, ReplacedSegmentError, SegmentError


@pytest.mark.parametrize(("block", "place"), [(None, "a.jss"), (0, "a.jss, block 0")])
def test_an_error_of_a_segment_names_file_and_block_and_keeps_the_reason(block, place):
    error = SegmentError("a block is damaged", name="a.jss", block=block)

    assert str(error) == f"{place}: a block is damaged; download the segment again"
    assert (error.reason, error.block) == ("a block is damaged", block)


def test_all_errors_of_the_archive_are_caught_as_one():
    assert issubclass(SegmentError, ArchiveError)
    assert issubclass(ReplacedSegmentError, ArchiveError)
    assert issubclass(ArchiveError, PersonaAssetsError)
