import pytest

from persona_assets.assets.dataset.split_options import SplitOptions, parse_shares


def test_shares_are_scaled_to_a_sum_of_one() -> None:
    assert SplitOptions(shares=(8, 1, 1)).normalised_shares == pytest.approx((0.8, 0.1, 0.1))


@pytest.mark.parametrize(
    "bad",
    [
        {"shares": (1, 1)},
        {"shares": (1, 0, 1)},
        {"gap_hours": -1},
        {"min_words": 0},
        {"near_duplicate_similarity": 0},
        {"max_component_share": 1.5},
        {"hold_out_users": False},
    ],
)
def test_options_out_of_bounds_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="must be|only if"):
        SplitOptions(**bad)


def test_shares_are_read_from_a_setting() -> None:
    assert parse_shares("0.8, 0.1,0.1 ") == (0.8, 0.1, 0.1)
    for bad in ("0.8,0.2", "0.8,0.1,x"):
        with pytest.raises(ValueError, match="three numbers|could not convert"):
            parse_shares(bad)
