"""Lines are parsed, and wrong ones are counted."""

import pytest

from persona_assets.assets.cluster_stats.inspect_lines import inspect_lines

ANN, BOB = b'{"user_id":"ann","text":"hi"}', b'{"user_id":"bob","actions":{}}'


@pytest.mark.parametrize("around", [b"[%s]", b'{"thread":[%s],"cluster_id":0}'])
def test_a_line_needs_a_message_by_a_user_of_the_cluster(around):
    lines = [around % (ANN + b"," + BOB), around % BOB]

    assert inspect_lines(lines, {"ann"}) == (2, 0, 1)
    assert inspect_lines(lines, {"bob"}) == (2, 0, 0)


@pytest.mark.parametrize("line", [b"[", b'{"cluster_id":0}', b'[{"text":"hi"}]', b"7", b"", b"\xff"])
def test_a_line_that_is_no_json_of_messages_is_unreadable(line):
    assert inspect_lines([line], {"ann"}) == (1, 1, 0)


def test_a_line_with_no_messages_has_none_by_a_user_of_the_cluster():
    assert inspect_lines([b"[]"], {"ann"}) == (1, 0, 1)
