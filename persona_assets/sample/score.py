"""Score clusters against the planted personas."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class MainPersona(NamedTuple):
    """The planted persona that most users of a cluster have, and the number of those users."""

    persona: str
    users: int  # users of the cluster who belong to this persona


class Score(NamedTuple):
    """How well clusters agree with planted personas: adjusted Rand index, and matched clusters."""

    users: int  # users with a cluster and a planted persona: only these are compared
    unplanted: int  # users with a cluster but no planted persona
    adjusted_rand_index: float  # 1 for identical groups, about 0 for random ones
    matched: int  # users whose persona is the main persona of their cluster
    main_personas: dict[int, MainPersona]  # by cluster_id; a cluster without planted users is left out


def score_clusters(clusters: Mapping[str, int], planted: Mapping[str, str | None]) -> Score:
    """Compare users' clusters with their planted personas by the adjusted Rand index (Hubert and Arabie, 1985).

    Args:
        clusters: cluster_id by user_id.
        planted: Persona by user_id; None for users without one.

    Returns:
        The index and counts. Only the grouping of users matters, not the names of clusters and personas.

    Raises:
        ValueError: No user in a cluster has a planted persona.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - 1 s

    pairs = [(cluster, persona) for user, cluster in clusters.items() if (persona := planted.get(user)) is not None]
    if not pairs:
        raise ValueError(f"none of the {len(clusters)} users in clusters has a planted persona")
    counts = Counter(pairs)
    main_personas: dict[int, MainPersona] = {}
    # Ties are broken by name, so that the result does not depend on the order of users.
    for (cluster, persona), users in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        main_personas.setdefault(cluster, MainPersona(persona, users))
    return Score(
        users=len(pairs),
        unplanted=len(clusters) - len(pairs),
        adjusted_rand_index=float(
            adjusted_rand_score([persona for _, persona in pairs], [cluster for cluster, _ in pairs])
        ),
        matched=sum(main.users for main in main_personas.values()),
        main_personas=main_personas,
    )
