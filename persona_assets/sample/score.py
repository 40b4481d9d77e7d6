"""Compare the clusters that the graph found with the personas that were planted."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class MainPersona(NamedTuple):
    """The planted persona that most users of a cluster belong to."""

    persona: str
    users: int  # of the cluster, in this persona


class Score(NamedTuple):
    """How well clusters agree with planted personas."""

    users: int  # in clusters and in a planted persona: those compared
    unplanted: int  # in clusters, but in no planted persona
    agreement: float  # adjusted Rand index: 1 for the same groups, about 0 for random ones
    matched: int  # users whose persona is the main persona of their cluster
    main_personas: dict[int, MainPersona]  # by cluster_id; a cluster without users who were planted has none


def score_clusters(clusters: Mapping[str, int], planted: Mapping[str, str | None]) -> Score:
    """Compare users' clusters with their planted personas.

    Args:
        clusters: cluster_id by user_id.
        planted: Persona by user_id, None for users without one.

    Returns:
        The adjusted Rand index (Hubert and Arabie, 1985) and the counts behind it. The names of clusters and personas
        do not matter, only who is together with whom.

    Raises:
        ValueError: No user in a cluster has a planted persona.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - 1 s

    pairs = [(cluster, persona) for user, cluster in clusters.items() if (persona := planted.get(user)) is not None]
    if not pairs:
        raise ValueError(f"none of the {len(clusters)} users in clusters has a planted persona")
    counts = Counter(pairs)
    main_personas: dict[int, MainPersona] = {}
    # By number of users, then by name, so that equal counts give the same result in any order of users.
    for (cluster, persona), users in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        main_personas.setdefault(cluster, MainPersona(persona, users))
    return Score(
        users=len(pairs),
        unplanted=len(clusters) - len(pairs),
        agreement=float(adjusted_rand_score([persona for _, persona in pairs], [cluster for cluster, _ in pairs])),
        matched=sum(main.users for main in main_personas.values()),
        main_personas=main_personas,
    )
