"""Colours, projection and picture formats: the same data gives the same bytes."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from persona_assets.common.pictures import choose_colour, project_to_plane, to_data_url, to_png


def test_the_projection_keeps_the_two_directions_of_largest_variance():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(500, 5)) * [0.1, 5, 0.1, 2, 0.1]

    found = project_to_plane(spread.astype(np.float32))

    assert abs(np.corrcoef(found[:, 0], spread[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(found[:, 1], spread[:, 3])[0, 1]) > 0.99


@pytest.mark.parametrize("shape", [(1, 5), (3, 1), (2, 2)])
def test_the_projection_is_defined_for_few_users_and_few_dimensions(shape):
    found = project_to_plane(np.ones(shape, np.float32))

    assert found.shape == (shape[0], 2)
    assert np.isfinite(found).all()


def test_colours_repeat_after_twenty():
    colours = [choose_colour(number) for number in range(40)]

    assert len(set(colours)) == 20
    assert colours[:20] == colours[20:]
    assert all(len(colour) == 7 and colour.startswith("#") for colour in colours)


def test_a_png_depends_on_what_is_drawn_and_not_on_the_library():
    def draw() -> bytes:
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2], [3, 4])
        return to_png(figure, 70)

    assert draw() == draw()
    assert draw().startswith(b"\x89PNG\r\n")
    assert b"Software" not in draw()


def test_a_png_of_few_colours_is_smaller_and_nearly_the_same():
    rng = np.random.default_rng(0)
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.scatter(*rng.normal(size=(2, 3000)), c=np.arange(3000) % 8, cmap="tab10", vmax=9, alpha=0.7, s=9)
    axes.scatter([4], [4], c="tab:cyan", s=9)

    whole, reduced = to_png(figure, 70), to_png(figure, 70, n_colours=256)

    pixels, nearly = (np.array(Image.open(io.BytesIO(one)).convert("RGB"), int) for one in (whole, reduced))
    assert len(reduced) < len(whole) / 2
    assert len(np.unique(nearly.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(pixels - nearly).max() < 25  # also of the only dot of its colour
    assert reduced == to_png(figure, 70, n_colours=256)
    assert b"Software" not in reduced


def test_a_data_url_has_the_bytes():
    kind, _, content = to_data_url(b"\x89PNG").partition(",")

    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == b"\x89PNG"


def test_the_module_is_imported_without_matplotlib():
    program = "import sys, persona_assets.common.pictures; print('matplotlib' in sys.modules)"

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=600)

    assert shown.stdout.strip() == "False"
