import numpy as np
import pytest
import zstandard

from persona_assets.forgetting import persona_lines
from persona_assets.forgetting.line_index import NO_LINES
from persona_assets.forgetting.persona_lines import find_cluster, write_lines_without
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import find_file

LINES = [f'[{{"user_id":"{user}","text":"{number}"}}]' for number, user in enumerate([BOB, ALICE, BOB, BOB, ALICE])]


def text_of(*numbers):
    return "".join(f"{LINES[number]}\n" for number in numbers).encode()


def remove(tmp_path, name="cluster_0.jsonl", content=None, places=NO_LINES):
    """Return the change of a file of all lines, its removed lines, and its new content."""
    (tmp_path / name).write_bytes(text_of(*range(5)) if content is None else content)
    changed = write_lines_without(find_file(tmp_path, name), tmp_path / f"new-{name}", Accounts([ALICE]), places)
    assert changed.removed.n_before == changed.change.rows_before
    return changed.change, changed.removed.places.tolist(), (tmp_path / f"new-{name}").read_bytes()


def test_lines_that_name_the_account_are_removed_and_their_places_returned(tmp_path):
    change, places, content = remove(tmp_path)

    assert content == text_of(0, 2, 3)
    assert places == [1, 4]
    assert (change.what, change.rows_before, change.rows_after, change.about) == ("lines removed", 5, 3, 2)


@pytest.mark.parametrize("block", [7, 60, 100, 1 << 20])
def test_blocks_may_end_anywhere(tmp_path, monkeypatch, block):
    monkeypatch.setattr(persona_lines, "_BLOCK_BYTES", block)

    _, places, content = remove(tmp_path, places=np.array([0, 3]))

    assert (places, content) == ([0, 1, 3, 4], text_of(2))


def test_compressed_lines_are_compressed_again(tmp_path):
    _, places, content = remove(tmp_path, "cluster_0.jsonl.zst", zstandard.compress(text_of(*range(5))))

    assert (places, zstandard.decompress(content)) == ([1, 4], text_of(0, 2, 3))


def test_a_file_may_have_no_lines(tmp_path):
    change, places, content = remove(tmp_path, content=b"")

    assert (change.rows_before, change.rows_after, places, content) == (0, 0, [], b"")


def test_the_name_of_a_file_tells_its_cluster():
    names = ("cluster_12.jsonl", "cluster_0.jsonl.zst", "user_clusters.json", "cluster_x.jsonl", "cluster_1.jsonl.gz")
    assert [find_cluster(name) for name in names] == [12, 0, None, None, None]
