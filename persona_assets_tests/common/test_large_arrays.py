"""Arrays beyond the limit are in a file without a name in scratch, for which the disk has room."""

import mmap

import numpy as np
import pytest

from persona_assets.common.large_arrays import allocate_zeros
from persona_assets.errors import StorageError


def is_mapped(array):
    while array.base is not None and not isinstance(array.base, mmap.mmap):
        array = array.base
    return array.base is not None


@pytest.mark.parametrize(("max_bytes", "mapped"), [(48, False), (47, True)])
def test_an_array_beyond_the_limit_is_a_mapped_file_without_a_name(tmp_path, max_bytes, mapped):
    array = allocate_zeros((2, 3), max_bytes=max_bytes, scratch=tmp_path)
    array[1, 2] += 5

    assert is_mapped(array) == mapped
    assert list(tmp_path.iterdir()) == []
    assert array.tolist() == [[0, 0, 0], [0, 0, 5]]
    assert array.dtype == np.float64


def test_an_array_for_which_the_disk_has_no_room_is_an_error_before_it_is_used(small_disk):
    with pytest.raises(StorageError, match=f"no space left while writing {small_disk}"):
        allocate_zeros((10_000, 10_000), max_bytes=0, scratch=small_disk)


def test_an_array_without_rows_is_in_memory(tmp_path):
    assert allocate_zeros((0, 3), max_bytes=0, scratch=tmp_path).shape == (0, 3)
