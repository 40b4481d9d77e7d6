"""The picture of the map: the same bytes every time, names that do not overlap, small files."""

import itertools
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from persona_assets.assets.cluster_stats import map_plot
from persona_assets.assets.cluster_stats.map_plot import MAX_NAMED_CLUSTERS, UserMap, plot_map_png, plot_map_svg

PNG = b"\x89PNG\r\n"


def spread(users, clusters, *, seed=0, width=0.1):
    """Users around the middles of clusters, numbered by size as clusters are."""
    rng = np.random.default_rng(seed)
    of = np.sort(np.arange(users) % clusters)
    return UserMap((rng.normal(size=(clusters, 2))[of] + width * rng.normal(size=(users, 2))).astype(np.float32), of)


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own


@pytest.fixture
def places(monkeypatch):
    """The boxes that texts got, in pixels."""
    found = []
    monkeypatch.setattr(map_plot, "_find_place", lambda *rest: found.append(_find_place(*rest)) or found[-1])
    return found


_find_place = map_plot._find_place


@pytest.mark.parametrize("plot", [plot_map_png, plot_map_svg])
def test_the_map_is_the_same_every_time(plot):
    one, other = (plot(spread(300, 3), ["a", "b", "c"]) for _ in range(2))

    assert one == other
    assert re.search(rb"[Mm]atplotlib|<dc:date>", one) is None


def test_names_are_texts_of_the_svg():
    assert texts(plot_map_svg(spread(300, 3), ["a", "b", "c"], numbers=[7, 8, 9])) == ["7  a", "8  b", "9  c"]


def test_markup_and_formulas_in_a_name_are_text():
    name = "<script> & $x^$"

    svg = plot_map_svg(spread(20, 1), [name])

    assert b"<script>" not in svg
    assert texts(svg) == [f"0  {name}"]
    assert plot_map_png(spread(20, 1), [name]).startswith(PNG)


def test_a_long_name_is_cut():
    assert texts(plot_map_svg(spread(20, 1), ["x" * 99])) == [f"0  {'x' * map_plot.MAX_NAME_CHARACTERS}…"]


def test_the_last_phrases_of_a_long_name_are_left_out_whole():
    name = "stanley cup · hockey · toronto maple leafs"

    assert texts(plot_map_svg(spread(20, 1), [name])) == ["0  stanley cup · hockey"]


@pytest.mark.parametrize("clusters", [2, 25, 60, 1000])
def test_names_overlap_nowhere_and_are_in_the_picture(clusters, places):
    svg = plot_map_svg(spread(3000, clusters), ["a name of a persona"] * clusters)

    boxes = [box for box in places if box]
    assert 2 <= len(texts(svg)) == len(boxes) <= min(clusters, MAX_NAMED_CLUSTERS)
    for one, other in itertools.combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert all(0 <= box[0] <= box[2] <= 800.01 and 0 <= box[1] <= box[3] <= 600.01 for box in boxes)


def test_every_cluster_that_stands_apart_is_named():
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    user_map = UserMap(np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32), np.arange(12))

    assert texts(plot_map_svg(user_map, ["name"] * 12)) == [f"{number}  name" for number in range(12)]


def test_a_name_without_free_space_is_replaced_by_its_number():
    user_map = UserMap(np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32), np.arange(300) % 6)

    found = texts(plot_map_svg(user_map, ["a name of a persona"] * 6))

    assert found[:2] == ["0  a name of a persona", "1  a name of a persona"]
    assert set(found) - {f"{number}  a name of a persona" for number in range(6)} <= {"4", "5"}


def test_a_name_is_not_on_a_cluster_smaller_than_a_line(places):
    corners = [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]
    plot_map_svg(UserMap(np.array(corners, np.float32), np.array([0, 0, 0, 0, 1])), ["large", "small"])

    large, small = places
    assert large[1] < 300 < large[3]
    assert not small[1] < 300 < small[3]


def test_an_svg_of_many_users_is_below_1_mb_and_shows_users_of_all_parts():
    svg = plot_map_svg(spread(10_000, 25), ["name"] * 25)

    assert len(svg) < 1_000_000
    assert 3000 <= svg.count(b"<use ") <= 4000
    assert len(plot_map_svg(spread(4000, 25), ["name"] * 25)) < 1_000_000


@pytest.mark.parametrize("users", [1, 2])
def test_a_cluster_without_a_user_on_the_map_is_left_out(users):
    user_map = UserMap(np.zeros((users, 2), np.float32), np.full(users, 2))

    assert plot_map_png(user_map, ["a", "b", "c"], inches=(3.4, 2.8), named=False).startswith(PNG)
    assert texts(plot_map_svg(user_map, ["a", "b", "c"])) == ["2  c"]
