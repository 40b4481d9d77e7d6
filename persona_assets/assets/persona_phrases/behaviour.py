"""Say in words how the users of each cluster act, compared with the users of all other clusters."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.common.action_counts import HOURS, sum_actions_by_cluster, sum_actions_by_hour

Amounts = npt.NDArray[np.float64]

# Acts that are compared, and what their users do.
VERBS = {
    "post": "posts",
    "reply": "replies",
    "quote": "quotes",
    "like": "likes",
    "repost": "reposts",
    "follow": "follows",
}
# Differences smaller than this factor are not said, nor those of acts that are rarer than this a user.
FACTOR = 1.5
MIN_ACTIONS_OF_A_USER = 0.5
MAX_SAID = 2
# Of the hours of a day, the six in a row with most actions are named where they have this much more than their share.
BUSY_HOURS, BUSY_FACTOR = 6, 1.4


def describe_clusters(
    phrases: Sequence[Sequence[str]], users: Sequence[int], action_accounting: pa.Table, actions_by_hour: pa.Table
) -> list[str]:
    """Return a text for each cluster: its key phrases, and how its users act compared with those of other clusters.

    Args:
        phrases: Key phrases of each cluster, best first.
        users: Number of users of each cluster.
        action_accounting: `tables.ACTION_ACCOUNTING` of the window.
        actions_by_hour: `tables.ACTIONS_BY_HOUR` of the window.
    """
    actions, hours = (
        _count_actions(action_accounting, len(users)),
        sum_actions_by_hour(actions_by_hour, n_clusters=len(users)),
    )
    return [
        " ".join(filter(None, [_say_subjects(phrases[cluster]), _say_behaviour(actions, hours, users, cluster)]))
        for cluster in range(len(users))
    ]


def _count_actions(accounting: pa.Table, n_clusters: int) -> Amounts:
    """Return the number of actions, `(n_clusters, len(VERBS))`."""
    done = sum_actions_by_cluster(accounting)
    return np.array(
        [[done.get(cluster, {}).get(action, 0) for action in VERBS] for cluster in range(n_clusters)], float
    )


def _say_subjects(phrases: Sequence[str]) -> str:
    if not phrases:
        return "Its users share no words."
    *first, last = phrases[:3]
    return f"Its users write about {', '.join(first)} and {last}." if first else f"Its users write about {last}."


def _say_behaviour(actions: Amounts, hours: Amounts, users: Sequence[int], cluster: int) -> str:
    """Return what differs most from the users of the other clusters, as a sentence; nothing where nothing does."""
    others = sum(users) - users[cluster]
    if not others:
        return ""
    per_user, of_others = actions[cluster] / users[cluster], (actions.sum(axis=0) - actions[cluster]) / others
    differences: list[tuple[float, str]] = []
    for verb, own, usual in zip(VERBS.values(), per_user, of_others, strict=True):
        ratio = (own + 0.01) / (usual + 0.01)
        if max(own, usual) >= MIN_ACTIONS_OF_A_USER and max(ratio, 1 / ratio) >= FACTOR:
            differences.append((max(ratio, 1 / ratio), f"{verb} {_say_ratio(ratio)} as often"))
    parts = [text for _, text in sorted(differences, key=lambda one: (-one[0], one[1]))[:MAX_SAID]]
    if busy := _find_busy_hours(hours, cluster):
        parts.append(f"is most active from {busy[0]:02} to {busy[1]:02} h UTC")
    if not parts:
        return ""
    *first, last = parts
    return f"Compared with the others, a user {', '.join(first)}{' and ' if first else ''}{last}."


def _say_ratio(ratio: float) -> str:
    """Return a ratio in words or with two digits."""
    if round(ratio, 1) in {0.5, 2.0}:
        return "half" if ratio < 1 else "twice"
    return f"{ratio:.2f} times" if ratio < 1 else f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"  # noqa: PLR2004 - digits


def _find_busy_hours(hours: Amounts, cluster: int) -> tuple[int, int] | None:
    """Return where the busiest six hours begin and end, if they have much more of its actions than of the others'."""
    own, others = hours[cluster], hours.sum(axis=0) - hours[cluster]
    if not own.sum() or not others.sum():
        return None
    windows = (np.arange(HOURS)[:, None] + np.arange(BUSY_HOURS)) % HOURS
    share, usual = own[windows].sum(axis=1) / own.sum(), others[windows].sum(axis=1) / others.sum()
    gain = np.round(share - usual, 9)
    start = int(gain.argmax())
    if share[start] < BUSY_FACTOR * usual[start] or share[start] < 1 / 3:
        return None
    return start, (start + BUSY_HOURS) % HOURS
