"""Derive agents from the users of clusters: tables of agents and of their edges."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.agent_profiles.draw_edges import draw_edges
from persona_assets.assets.agent_profiles.group_users import group_users
from persona_assets.assets.agent_profiles.measure_users import RELATIONS, measure_users
from persona_assets.assets.agent_profiles.stored_tables import AGENT_EDGES, AGENTS, RATES
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut, leave_out_users


class PersonaCard(NamedTuple):
    """Name, description and key phrases of a persona, derived from many users' words; it contains no post."""

    persona_id: int | None
    name: str
    description: str
    phrases: tuple[str, ...]  # best first


class Agents(NamedTuple):
    """The agents of a day: tables of agents and edges, persona cards, and the number of users they stand for."""

    agents: pa.Table  # stored_tables.AGENTS, by agent_id
    edges: pa.Table  # stored_tables.AGENT_EDGES, by relation, source and target
    cards: Mapping[int, PersonaCard]  # by cluster_id
    users: int  # in a group
    users_of_small_clusters: int
    small_clusters: int

    def list_counts(self) -> dict[str, int]:
        """Return the numbers of agents, of edges, and of users with and without an agent, by name."""
        relations = self.edges["relation"].to_pylist()
        return {
            "agents": len(self.agents),
            "users": self.users,
            "users_of_small_clusters": self.users_of_small_clusters,
            "small_clusters": self.small_clusters,
            "follows": relations.count("follow"),
            "replies": relations.count("reply"),
        }

    def list_followed(self) -> list[list[int]]:
        """Return, for each agent, the row numbers of the agents that it follows, ascending."""
        followed: list[list[int]] = [[] for _ in range(len(self.agents))]
        for edge in self.edges.to_pylist():
            if edge["relation"] == "follow":
                followed[edge["source"]].append(edge["target"])
        return followed

    def cover_most_clusters(self) -> bool:
        """Return whether more than half of the clusters have agents."""
        return 2 * self.small_clusters < len(self.cards)


def derive_agents(  # noqa: PLR0913 - inputs, and limits of the result
    clusters: pa.Table,
    user_actions: pads.Dataset,
    cards: Mapping[int, PersonaCard],
    *,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    days: int,
    max_agents: int,
    min_users: int,
    seed: int,
    memory_limit: str,
    scratch: Path,
) -> Agents:
    """Derive at most `max_agents` agents, each the mean of at least `min_users` users of one cluster.

    Args:
        clusters: `tables.CLUSTERS` of the day, any order.
        user_actions: `tables.USER_ACTIONS` of the window, any order.
        cards: What is said about each cluster's persona.
        left_out: Users from whom no agent is derived, and posts that do not count.
        days: Number of days of the window, for daily rates.
        max_agents: Maximum number of agents; each cluster with enough users has one in any case.
        min_users: Minimum number of users of an agent.
        seed: Seed of the edges.
        memory_limit: Memory of the joins, such as "4GB".
        scratch: An existing folder.
    """
    users = leave_out_users(clusters, left_out).sort_by("user_id")
    measures = measure_users(
        users["user_id"], user_actions, left_out_posts=left_out.posts, memory_limit=memory_limit, scratch=scratch
    )
    groups = group_users(
        users["cluster_id"].to_numpy().astype(np.int64),
        measures.actions.sum(axis=1),
        max_groups=max_agents,
        min_users=min_users,
    )
    grouped = groups.group_of_user >= 0
    random = np.random.default_rng(seed)
    drawn = {
        relation: draw_edges(measures.edges[relation], groups.group_of_user, groups.cluster_of_group, random)
        for relation in RELATIONS
    }
    n_agents, members = len(groups.cluster_of_group), groups.group_of_user[grouped]
    counts = np.bincount(members, minlength=n_agents)
    rates, hours = np.zeros((n_agents, len(RATES))), np.zeros((n_agents, measures.by_hour.shape[1]))
    np.add.at(rates, members, measures.actions[grouped])
    np.add.at(hours, members, measures.by_hour[grouped])
    rates = rates / np.maximum(1, counts)[:, None] / days
    hours = hours / np.maximum(1, hours.sum(axis=1))[:, None]
    cluster_ids = groups.cluster_of_group.tolist()
    columns = [
        np.arange(n_agents),
        [cards[cluster].persona_id for cluster in cluster_ids],
        cluster_ids,
        [cards[cluster].name for cluster in cluster_ids],
        _make_usernames(cluster_ids, cards),
        counts,
        *np.round(rates, 4).T,
        np.round(hours, 4).tolist(),
        np.bincount(drawn["follow"][:, 0], minlength=n_agents),
        np.bincount(drawn["follow"][:, 1], minlength=n_agents),
    ]
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, AGENTS, strict=True)]
    return Agents(
        pa.table(arrays, schema=AGENTS),
        _to_table(drawn),
        cards,
        users=int(grouped.sum()),
        users_of_small_clusters=int((~grouped).sum()),
        small_clusters=groups.small_clusters,
    )


def make_persona_key(cluster_id: int, card: PersonaCard) -> str:
    """Return the persona's key in files: `persona_3`, or `cluster_0` if lineage does not know the cluster."""
    return f"cluster_{cluster_id}" if card.persona_id is None else f"persona_{card.persona_id}"


def _make_usernames(cluster_ids: list[int], cards: Mapping[int, PersonaCard]) -> list[str]:
    """Return a distinct account name for each agent: `persona_3_agent_2`."""
    names: list[str] = []
    seen = dict.fromkeys(cluster_ids, 0)
    for cluster in cluster_ids:
        seen[cluster] += 1
        names.append(f"{make_persona_key(cluster, cards[cluster])}_agent_{seen[cluster]}")
    return names


def _to_table(drawn: Mapping[str, np.ndarray]) -> pa.Table:
    ends = np.concatenate([drawn[relation] for relation in RELATIONS])
    relations = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(RELATIONS), dtype=np.int8), [len(drawn[relation]) for relation in RELATIONS]),
        pa.array(RELATIONS),
    )
    arrays = [pa.array(ends[:, 0], pa.int32()), pa.array(ends[:, 1], pa.int32()), relations]
    return pa.table(arrays, schema=AGENT_EDGES)
