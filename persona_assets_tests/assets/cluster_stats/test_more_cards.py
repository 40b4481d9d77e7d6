"""The packed cards of personas beyond the first ones."""

import base64
import json
import zlib

import numpy as np

from persona_assets.assets.cluster_stats.compare_with_all import compare_with_all
from persona_assets.assets.cluster_stats.more_cards import MAX_PACKED_BYTES, pack_cards
from persona_assets.assets.cluster_stats.typical_threads import Message
from persona_assets_tests.assets.cluster_stats.test_html_report import stats_of


def pack(stats, *, first=1, threads=()):
    clusters = stats["clusters"]
    mixes = [[0.5, 0.5]] * len(clusters)
    return pack_cards(clusters, compare_with_all(clusters), mixes, threads, first=first, words_shown=1)


def unpack(packed):
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_cards_have_what_the_page_shows_and_every_cluster_has_its_further_words():
    stats = stats_of(3, medoids=[{"uri": "at://a/b/c", "similarity": 0.9, "text": "hello"}])
    threads = [[Message("A", is_member=True, text="hi"), Message("B", is_member=False, text="yes")]] * 3

    content = unpack(pack(stats, threads=threads))

    assert len(content["cards"]) == 2
    assert content["cards"][0]["posts"] == [["hello", 0.9]]
    assert content["cards"][0]["thread"] == [["A", 1, "hi"], ["B", 0, "yes"]]
    assert content["search"] == ["word0", "word1", "word2"]


def test_posts_without_texts_have_none():
    assert unpack(pack(stats_of(2)))["cards"][0]["posts"] == []


def test_texts_are_left_out_where_they_do_not_fit():
    rng = np.random.default_rng(0)
    stats = stats_of(2000)
    for cluster in stats["clusters"]:
        texts = rng.integers(97, 123, (3, 200), np.uint8)
        cluster["medoids"] = [{"uri": "", "similarity": 0.5, "text": bytes(text).decode()} for text in texts]

    packed = pack(stats)

    assert len(packed) <= MAX_PACKED_BYTES
    assert unpack(packed)["posts"] < 3
