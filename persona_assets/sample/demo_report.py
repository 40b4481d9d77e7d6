"""Say in words what the demo found: a table of clusters beside planted personas, and how well they agree."""

import textwrap

import msgspec

from persona_assets.sample.score import Score

WORDS_SHOWN = 4
WIDTH = 100  # characters of a line
# Lowest adjusted Rand index that the demo calls a match. With its own settings it was 0.92.
MATCHES_FROM = 0.8


class Word(msgspec.Struct):
    """A word that sets a cluster apart."""

    word: str


class Cluster(msgspec.Struct):
    """What `stats.json` says about one cluster, as far as it is shown."""

    cluster_id: int
    users: int
    words: list[Word]


class Stats(msgspec.Struct):
    """`stats.json`, as far as it is shown."""

    day: str
    clusters: list[Cluster]


def write_table(stats: Stats, score: Score) -> str:
    """Return a line for each cluster, in the order of their ids: its size, its planted persona and its words."""
    width = max(len(main.persona) for main in score.main_personas.values())
    lines = [f"  cluster  users  {'planted persona':{width + 10}}  words that set it apart"]
    for cluster in stats.clusters:
        words = ", ".join(word.word for word in cluster.words[:WORDS_SHOWN])
        main = score.main_personas.get(cluster.cluster_id)
        share = "" if main is None else f"{main.persona:{width}}  {main.users / cluster.users:4.0%} of it"
        lines.append(f"  {cluster.cluster_id:7d}  {cluster.users:5,d}  {share:{width + 10}}  {words}".rstrip())
    return "\n".join(lines)


def write_verdict(score: Score, personas: int) -> str:
    """Return how well the clusters agree with the planted personas, and what that number means.

    Args:
        score: Made by `score.score_clusters`.
        personas: How many were planted.
    """
    found = len({main.persona for main in score.main_personas.values()})
    said = (
        f"{found} of {personas} planted personas have a cluster of their own. {score.matched:,} of {score.users:,} "
        f"users ({score.matched / score.users:.0%}) are in a cluster that is mostly of their persona. "
        f"Adjusted Rand index: {score.agreement:.2f}, where 1 is the planted groups exactly and 0 is what chance gives."
    )
    if score.unplanted:
        said += f" {score.unplanted:,} more users are in clusters and were planted in no persona."
    if not is_match(score):
        said += (
            f"\nTHE CLUSTERS DO NOT MATCH THE PLANTED PERSONAS: an index of {MATCHES_FROM} or more was expected. Unset "
            "PERSONA_* variables of your own, and run the demo again. If the index stays low, report a defect."
        )
    return "\n".join(textwrap.fill(line, WIDTH) for line in said.splitlines())


def is_match(score: Score) -> bool:
    """Return whether the clusters agree with the planted personas as well as the demo promises."""
    return score.agreement >= MATCHES_FROM
