"""Find the key phrases of a day's clusters and describe how their users act."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.persona_phrases.behaviour import describe_clusters
from persona_assets.assets.persona_phrases.candidates import find_candidate_phrases
from persona_assets.assets.persona_phrases.rank import name_clusters, rank_phrases
from persona_assets.assets.persona_phrases.stored_tables import PERSONA_PHRASES
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut
from persona_assets.post_words.words import open_word_tables

Floats = npt.NDArray[np.float32]


class PhraseInputs(NamedTuple):
    """The tables from which phrases are made: of one day, and of the window of days that ends with it."""

    clusters: pads.Dataset  # tables.CLUSTERS of the day
    centres: pads.Dataset  # tables.centres_schema(d) of the day
    english_posts: pads.Dataset  # tables.ENGLISH_POSTS of the window
    action_accounting: pa.Table  # tables.ACTION_ACCOUNTING of the window: actions by cluster, action and outcome
    actions_by_hour: pa.Table  # tables.ACTIONS_BY_HOUR of the window
    left_out: LeftOut = NOTHING_LEFT_OUT  # users and posts whose words are in no phrase


def find_key_phrases(
    inputs: PhraseInputs,
    embed: Callable[[Sequence[str]], Floats],
    *,
    language: str,
    memory_limit: str,
    scratch: Path,
) -> pa.Table:
    """Find the key phrases, name and description of each cluster; return `PERSONA_PHRASES`, a row per cluster.

    Args:
        inputs: What is read.
        embed: Returns the unit vectors of texts, float32 `(n, d)`, by the model that made the centres.
        language: Of the posts, ISO 639, for the words to leave out.
        memory_limit: Of counting phrases, such as "4GB".
        scratch: A folder to spill to.
    """
    users = inputs.clusters.to_table(columns=["user_id", "cluster_id"]).sort_by("user_id")
    sizes = np.bincount(users["cluster_id"].to_numpy()).tolist()
    with open_word_tables(
        users,
        inputs.english_posts,
        left_out=inputs.left_out,
        language=language,
        n_clusters=len(sizes),
        memory_limit=memory_limit,
        scratch=scratch,
    ) as (connection, _):
        candidates = find_candidate_phrases(connection, n_clusters=len(sizes))
    distinct = sorted({candidate.phrase for of_cluster in candidates for candidate in of_cluster})
    vectors = dict(zip(distinct, embed(distinct), strict=True)) if distinct else {}
    phrases = rank_phrases(candidates, vectors, _read_centres(inputs.centres))
    columns = [
        np.arange(len(sizes), dtype=np.int32),
        sizes,
        name_clusters(phrases),
        phrases,
        describe_clusters(phrases, sizes, inputs.action_accounting, inputs.actions_by_hour),
    ]
    return pa.table(columns, schema=PERSONA_PHRASES)


def _read_centres(centres: pads.Dataset) -> Floats:
    table = centres.to_table().sort_by("cluster_id")
    column = table["centre"].combine_chunks()
    return column.flatten().to_numpy().astype(np.float32).reshape(len(table), -1)
