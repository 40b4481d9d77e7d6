"""Measure how many personas keep their name from day to day.

    python benchmarks/bench_names.py               # ten days of planted personas: 75 s of CPU

Each day, another 85 % of the planted people write new posts. Users are clustered anew, traced by `lineage` and named by
`persona_labels`. A planted persona continues if most users of a cluster of both days are its own. `kept`: share of
these whose cluster has the same name as on the day before. `anew`: the same if each day's names were of its evidence
alone. The posts are synthetic.
"""

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from bench_labels import TOKENS, load_posts, unit

from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.lineage.read_days import ClustersOfDay
from persona_assets.assets.lineage.trace import trace_personas
from persona_assets.assets.persona_labels.carry_names import PHRASES, name_personas
from persona_assets.assets.persona_phrases.candidates import find_candidate_phrases
from persona_assets.assets.persona_phrases.rank import name_clusters, rank_phrases
from persona_assets.common.database import open_duckdb
from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS
from persona_assets.text_encoder.device import choose_device, choose_precision
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import EMBEDDED, load_model

FIRST, PRESENT = dt.date(2025, 3, 1), 0.85


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--posts", type=int, default=4, help="of a user and day")
    asked = parser.parse_args()
    device = choose_device("cpu")
    model = load_model(EMBEDDED, device=device, precision=choose_precision("float32", device), max_tokens=TOKENS)
    encoder = Encoder(model)

    def embed(some: Sequence[str]) -> np.ndarray:
        return encoder.encode_short_texts(some)

    rng = np.random.default_rng(1)
    topics = list(TOPICS)
    people = [one for one in make_people(asked.people, len(topics), rng) if one.persona]
    traced, rows, planted = [], [], []
    for number in range(asked.days):
        day = FIRST + dt.timedelta(number)
        present = np.flatnonzero(rng.random(len(people)) < PRESENT)
        authors = present.repeat(asked.posts)
        texts = [generate_text(people[one], topics, rng, answering=False) for one in authors]
        vectors = np.concatenate([embed(texts[at : at + 1024]) for at in range(0, len(texts), 1024)])
        sums = np.zeros((len(people), vectors.shape[1]))
        np.add.at(sums, authors, vectors)
        fit = fit_clusters(unit(sums[present]).astype(np.float32), ClusterSpec(len(topics), 5), seed=0)
        of_person = np.zeros(len(people), np.int64)
        of_person[present] = fit.labels
        with TemporaryDirectory() as scratch, open_duckdb(memory_limit="1GB", scratch=Path(scratch)) as connection:
            load_posts(connection, authors, of_person[authors], texts)
            candidates = find_candidate_phrases(connection, n_clusters=len(fit.centres))
        distinct = sorted({one.phrase for of_cluster in candidates for one in of_cluster})
        phrases = rank_phrases(candidates, dict(zip(distinct, embed(distinct), strict=True)), fit.centres)
        ids = pa.array([f"{one:06}" for one in present])
        traced.append(ClustersOfDay(day, ids, fit.labels.astype(np.int32), fit.centres))
        users = np.bincount(fit.labels)
        rows += [
            {
                "day": day,
                "cluster_id": n,
                "name": name,
                "phrases": phrases[n],
                "description": "",
                "users": int(users[n]),
            }
            for n, (name, size) in enumerate(zip(name_clusters(phrases), users.tolist(), strict=True))
        ]
        personas = np.array([topics.index(people[one].persona) for one in present])
        counts = np.array([np.bincount(personas[fit.labels == n], minlength=len(topics)) for n in range(len(users))])
        # The cluster of each planted persona: one most of whose users are its own.
        planted.append({int(c.argmax()): n for n, c in enumerate(counts) if 2 * c.max() > c.sum()})
    labels = name_personas(trace_personas(traced), pa.Table.from_pylist(rows, schema=PHRASES)).to_pylist()
    named = {(row["day"], row["cluster_id"]): row["name"] for row in labels}
    own = {(row["day"], row["cluster_id"]): row["name"] for row in rows}
    shares = {}
    for way, names in (("kept", named), ("anew", own)):
        same = [
            names[FIRST + dt.timedelta(n), planted[n][one]] == names[FIRST + dt.timedelta(n + 1), planted[n + 1][one]]
            for n in range(asked.days - 1)
            for one in planted[n].keys() & planted[n + 1].keys()
        ]
        shares[way] = f"{np.mean(same):.3f} of {len(same)}"
    print(f"{asked.days} days, {len(people)} people, {len(topics)} planted personas: {shares}")


if __name__ == "__main__":
    main()
