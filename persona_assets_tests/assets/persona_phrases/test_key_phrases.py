"""The table of phrases: a row a cluster, the same for rows in any order."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.persona_phrases.key_phrases import PhraseInputs, find_key_phrases
from persona_assets.assets.persona_phrases.stored_tables import PERSONA_PHRASES
from persona_assets.consent.left_out import NOTHING_LEFT_OUT
from persona_assets_tests.assets.cluster_stats.builders import TALK, accounting_of, by_hour_of, shuffled, window
from persona_assets_tests.consent.builders import left_out


def embed(texts):
    """Each topic is a direction: a phrase points to the topic that has its words."""
    found = np.array(
        [[sum(word in words.split() for word in text.split()) + 0.01 for words in TALK.values()] for text in texts]
    )
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def centres():
    schema = tables.centres_schema(3)
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(np.eye(3, dtype=np.float32)[::-1].ravel()), type=schema.field("centre").type
    )
    return pa.table([pa.array([2, 1, 0], pa.int32()), [6, 7, 8], column], schema=schema)  # in any order


def find(folder, *, seed=None, without=NOTHING_LEFT_OUT):
    posts, _, clusters = window()
    if seed is not None:
        posts, clusters = shuffled(posts, seed), shuffled(clusters, seed)
    inputs = PhraseInputs(
        *(pads.dataset(table) for table in (clusters, centres(), posts)),
        accounting_of((0, "post", "written", 9)),
        by_hour_of((0, "post", 7, 6)),
        without,
    )
    return find_key_phrases(inputs, embed, language="en", memory_limit="200MB", scratch=folder)


def test_each_cluster_is_described_by_its_own_words(tmp_path):
    found = find(tmp_path)

    assert found.schema.equals(PERSONA_PHRASES)
    assert found["cluster_id"].to_pylist() == [0, 1, 2]
    assert found["users"].to_pylist() == [8, 7, 6]
    for row, words in zip(found.to_pylist(), TALK.values(), strict=True):
        assert {word for phrase in row["phrases"] for word in phrase.split()} <= set(words.split())
        assert row["name"] == " · ".join(row["phrases"][:3])
        assert row["description"].startswith(f"Its users write about {row['phrases'][0]}")


def test_the_order_of_rows_changes_nothing(tmp_path):
    assert find(tmp_path, seed=1).equals(find(tmp_path, seed=2))


def test_a_cluster_whose_users_all_refuse_has_no_phrases_and_its_words_are_in_no_other(tmp_path):
    _, _, clusters = window()
    of_cluster = dict(zip(clusters["user_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True))
    refusing = {user: "refuses inference" for user, cluster in of_cluster.items() if cluster == 1}

    found = find(tmp_path, without=left_out(refusing)).to_pylist()

    assert [len(row["phrases"]) > 0 for row in found] == [True, False, True]
    assert found[1]["users"] == 7
    assert not set(TALK["engines"].split()) & set(" ".join(str(row) for row in found).replace(",", " ").split())
