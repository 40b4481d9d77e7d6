"""The garbage collector is off in a block, and afterwards as it was before."""

import gc

import pytest

from persona_assets.common.garbage_collector import garbage_collector_off


def test_it_is_off_in_the_block_and_on_again_after_an_error():
    with pytest.raises(KeyError), garbage_collector_off():
        assert not gc.isenabled()
        raise KeyError

    assert gc.isenabled()


def test_it_stays_off_if_it_was_off():
    gc.disable()
    try:
        with garbage_collector_off():
            pass

        assert not gc.isenabled()
    finally:
        gc.enable()
