"""Say of stale days which are to be made again: those with a refusal, and those of which too much is gone by now."""

from collections.abc import Iterable
from typing import NamedTuple

from persona_assets.assets.consents.stale_days import StaleDay
from persona_assets.assets.consents.stale_posts import DeletedPosts
from persona_assets.consent.left_out import DELETED_POST

ALL_DAYS = "all days"
UNREADABLE_POSTS = "damaged: its deleted posts are unknown"


class StaleRow(NamedTuple):
    """What a stored day of an asset holds and would not hold if it were made now."""

    asset: str
    day: str
    reason: str
    accounts: int
    posts: int


class StaleTable(NamedTuple):
    """What stored days hold, and the days to make again."""

    rows: list[StaleRow]  # those of days to make again first
    failing: list[tuple[str, str]]  # asset and day
    largest_share: float  # of accounts that are gone, or of posts that are deleted, of any day

    def name_failing_days(self) -> str:
        """Return the days to make again, as "clusters 2025-03-01, 2025-03-02; embeddings ...", or "none"."""
        days: dict[str, list[str]] = {}
        for asset, day in self.failing:
            days.setdefault(asset, []).append(day)
        return "; ".join(f"{asset} {', '.join(sorted(names))}" for asset, names in days.items()) or "none"


def list_stale(
    days: Iterable[StaleDay], deleted_posts: Iterable[DeletedPosts], *, max_deleted_share: float
) -> StaleTable:
    """Return what stored days hold, and which are to be made again.

    One account that refuses is enough. Accounts are deleted every day, and posts too: of these more than a share is.

    Args:
        days: Stored days with accounts that are to be left out.
        deleted_posts: Stored days with posts that were deleted later.
        max_deleted_share: Share of a day's accounts, or of its posts, above which it is to be made again; 0 to 1.
    """
    rows: list[StaleRow] = []
    failing: dict[tuple[str, str], None] = {}  # a set that keeps the order
    shares = [0.0]
    for asset, day, refusing, gone, gone_share in days:
        rows += [StaleRow(asset, day, reason, number, 0) for reason, number in sorted((refusing + gone).items())]
        shares.append(gone_share)
        if refusing or gone_share > max_deleted_share:
            failing[asset, day] = None
    for asset, day, deleted, share in deleted_posts:
        rows.append(StaleRow(asset, day or ALL_DAYS, DELETED_POST if day else UNREADABLE_POSTS, 0, deleted))
        shares.append(share)
        if not day or share > max_deleted_share:
            failing[asset, day or ALL_DAYS] = None
    rows.sort(key=lambda row: (row.asset, row.day) not in failing)
    return StaleTable(rows, list(failing), max(shares))
