"""Format the result of the demo: a table of clusters with their planted personas, and the score in words."""

import textwrap

import msgspec

from persona_assets.sample.score import Score

WORDS_SHOWN = 4
WIDTH = 100  # characters per line
# Minimum adjusted Rand index that counts as a match. With the demo's own settings it was 0.92.
MIN_AGREEMENT = 0.8


class ReportWord(msgspec.Struct):
    """A distinctive word of a cluster in `stats.json`."""

    word: str


class ReportCluster(msgspec.Struct):
    """One cluster in `stats.json`; fields that the demo does not show are ignored."""

    cluster_id: int
    users: int
    words: list[ReportWord]


class ReportStats(msgspec.Struct):
    """The content of `stats.json`; fields that the demo does not show are ignored."""

    day: str
    clusters: list[ReportCluster]


def format_cluster_table(stats: ReportStats, score: Score) -> str:
    """Return a text table of clusters: number of users, most frequent planted persona, distinctive words."""
    width = max(len(main.persona) for main in score.main_personas.values())
    lines = [f"  cluster  users  {'planted persona':{width + 10}}  words that set it apart"]
    for cluster in stats.clusters:
        words = ", ".join(word.word for word in cluster.words[:WORDS_SHOWN])
        main = score.main_personas.get(cluster.cluster_id)
        share = "" if main is None else f"{main.persona:{width}}  {main.users / cluster.users:4.0%} of it"
        lines.append(f"  {cluster.cluster_id:7d}  {cluster.users:5,d}  {share:{width + 10}}  {words}".rstrip())
    return "\n".join(lines)


def format_verdict(score: Score, personas: int) -> str:
    """Return in words how well clusters agree with the planted personas, and whether that is a good match.

    Args:
        score: Result of `score.score_clusters`.
        personas: Number of planted personas.
    """
    found = len({main.persona for main in score.main_personas.values()})
    text = (
        f"{found} of {personas} planted personas have a cluster of their own. {score.matched:,} of {score.users:,} "
        f"users ({score.matched / score.users:.0%}) are in a cluster that is mostly of their persona. "
        f"Adjusted Rand index: {score.adjusted_rand_index:.2f}, where 1 is the planted groups exactly "
        "and 0 is what chance gives."
    )
    if score.unplanted:
        text += f" {score.unplanted:,} more users are in clusters and were planted in no persona."
    if not is_good_match(score):
        text += (
            f"\nTHE CLUSTERS DO NOT MATCH THE PLANTED PERSONAS: an index of {MIN_AGREEMENT} or more was expected. "
            "Unset PERSONA_* variables of your own, and run the demo again. If the index stays low, report a defect."
        )
    return "\n".join(textwrap.fill(line, WIDTH) for line in text.splitlines())


def is_good_match(score: Score) -> bool:
    """Return whether the adjusted Rand index is at least `MIN_AGREEMENT`."""
    return score.adjusted_rand_index >= MIN_AGREEMENT
