"""Compare the share of English of each day: an unusual one points to a fault of capture or language detection."""

import statistics
from collections.abc import Mapping
from pathlib import PurePosixPath

import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.tables import MESSAGES

# With fewer other days than this, no share counts as unusual.
MIN_OTHER_DAYS = 3
# Maximum ratio between a day's share and the median of the other days, either way.
MAX_RATIO = 1.5


def compute_english_shares_by_day(english_posts: pads.Dataset, user_actions: pads.Dataset) -> dict[str, float]:
    """Return, for each day, the share of its posts, replies and quotes that are in `english_posts`, 0 to 1.

    Args:
        english_posts: `tables.ENGLISH_POSTS`, one file per day.
        user_actions: `tables.USER_ACTIONS`, one file per day.

    Returns:
        Share by day (the file name without its ending), sorted by day. Days without posts are left out.
    """
    english = _count_by_day(english_posts)
    messages = _count_by_day(user_actions, pc.field("action").isin(MESSAGES))
    return {day: english.get(day, 0) / count for day, count in sorted(messages.items()) if count}


def is_share_near_median(day: str, shares: Mapping[str, float]) -> bool:
    """Return whether the share of `day` is at most `MAX_RATIO` times above or below the median of the other days.

    It is also True if `day` has no share, or if there are fewer than `MIN_OTHER_DAYS` other days.
    """
    others = [share for other, share in shares.items() if other != day]
    if day not in shares or len(others) < MIN_OTHER_DAYS:
        return True
    median = statistics.median(others)
    return median / MAX_RATIO <= shares[day] <= median * MAX_RATIO


def _count_by_day(dataset: pads.Dataset, condition: pc.Expression | None = None) -> dict[str, int]:
    return {
        PurePosixPath(fragment.path).stem: fragment.count_rows(filter=condition) for fragment in dataset.get_fragments()
    }
