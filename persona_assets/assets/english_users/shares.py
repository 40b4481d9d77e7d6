"""Compare how much of each day is English: a day that differs from the others was captured or judged otherwise."""

import statistics
from collections.abc import Mapping
from pathlib import PurePosixPath

import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.tables import MESSAGES

# Fewer other days than this tell nothing about what is usual.
LEAST_OTHER_DAYS = 3
# A share may be so many times the median of the other days', or one such part of it.
MOST_TIMES = 1.5


def count_english_shares(english_posts: pads.Dataset, user_actions: pads.Dataset) -> dict[str, float]:
    """Return which share of each day's posts, replies and quotes is English, by day (the stem of its file's name).

    Args:
        english_posts: `tables.ENGLISH_POSTS`, a file a day.
        user_actions: `tables.USER_ACTIONS`, a file a day. Days without messages are left out.
    """
    english = _count_by_day(english_posts)
    messages = _count_by_day(user_actions, pc.field("action").isin(MESSAGES))
    return {day: english.get(day, 0) / count for day, count in sorted(messages.items()) if count}


def is_usual(day: str, shares: Mapping[str, float]) -> bool:
    """Tell whether the share of `day` is near the median of the other days'; with too few of them it is."""
    others = [share for other, share in shares.items() if other != day]
    if day not in shares or len(others) < LEAST_OTHER_DAYS:
        return True
    median = statistics.median(others)
    return median / MOST_TIMES <= shares[day] <= median * MOST_TIMES


def _count_by_day(dataset: pads.Dataset, condition: pc.Expression | None = None) -> dict[str, int]:
    return {
        PurePosixPath(fragment.path).stem: fragment.count_rows(filter=condition) for fragment in dataset.get_fragments()
    }
