"""The options of a split into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SplitMode = Literal["components", "time"]

_N_SHARES = 3


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split: mode, shares, gap between periods, and when texts count as equal.

    Attributes:
        mode: components: lines that share a user, a thread or a text go to one split, whenever they were written. time:
            also train ends before validation begins, and validation before test.
        shares: Shares of train, validation and test among the lines that are kept, as numbers above 0; only their ratio
            counts.
        gap_hours: Time mode: hours between the last instant of one split and the first of the next. At least 0.
        hold_out_users: Whether the users of one split are in no other. Only time mode may have False: its test then
            asks what known users do later.
        min_words: Texts with fewer words may be in several splits, such as "good morning". At least 1.
        near_duplicate_similarity: Texts count as the same above this estimated Jaccard similarity of their runs of five
            characters, 0 to 1. With 1, only texts that are equal after normalisation do.
        max_component_share: Components of more than this share of all lines, or of more than half of the lines of a
            persona, are cut by author, 0 to 1.
        seed: The keys of all hashes are derived from it. Whoever knows it can choose an account id or a record key that
            goes to a given split, so that a seed which is published with the data should not be used again.
    """

    mode: SplitMode = "components"
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    gap_hours: float = 24.0
    hold_out_users: bool = True
    min_words: int = 5
    near_duplicate_similarity: float = 0.7
    max_component_share: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            ValueError: An option is out of its bounds, or users are in several splits without time mode.
        """
        if len(self.shares) != _N_SHARES or min(self.shares) <= 0:
            raise ValueError("shares must be three numbers above 0: train, validation and test")
        if self.gap_hours < 0 or self.min_words < 1:
            raise ValueError("gap_hours must be at least 0, and min_words at least 1")
        if not (0 < self.near_duplicate_similarity <= 1 and 0 < self.max_component_share <= 1):
            raise ValueError("near_duplicate_similarity and max_component_share must be above 0 and at most 1")
        if not self.hold_out_users and self.mode != "time":
            raise ValueError("users can be in several splits only if the mode is time")

    @property
    def normalised_shares(self) -> tuple[float, float, float]:
        """Shares of train, validation and test, scaled to a sum of 1."""
        total = sum(self.shares)
        train, validation, test = (share / total for share in self.shares)
        return train, validation, test


def parse_shares(text: str) -> tuple[float, float, float]:
    """Parse the shares of train, validation and test from a text such as "0.8,0.1,0.1".

    Raises:
        ValueError: They are not three numbers.
    """
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) != _N_SHARES:
        raise ValueError("shares must be three numbers: train, validation and test")
    train, validation, test = numbers
    return train, validation, test
