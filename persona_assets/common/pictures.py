"""What pictures of several assets share: colours, principal components, PNG and SVG bytes, data addresses.

The same data gives the same bytes every time.
"""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Dagster keeps the pictures that its UI shows in its database: some 40 KB each at this resolution.
UI_DPI = 70
# Resolution of pictures in files.
FILE_DPI = 100
N_COLOURS = 20
GREY = "lightgrey"


def choose_colour(number: int) -> str:
    """Return the colour of cluster or persona `number` as `#rrggbb`.

    The twenty colours of matplotlib's tab20 in turn, the ten strong ones before the ten pale ones.
    """
    from matplotlib import colormaps  # noqa: PLC0415 - 0.5 s, and definitions must load fast
    from matplotlib.colors import to_hex  # noqa: PLC0415 - the same

    return to_hex(colormaps["tab20"]([*range(0, N_COLOURS, 2), *range(1, N_COLOURS, 2)][number % N_COLOURS]))


def project_to_plane(vectors: Floats) -> Floats:
    """Return the first two principal components of `vectors`: float32 `(n, 2)`, the same signs every time.

    Args:
        vectors: float32 `(n, d)`, at least one row. The second component of vectors of one dimension is 0.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    strongest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return (centred @ (axes * np.where(strongest < 0, -1, 1))).astype(np.float32)


def to_png(figure: "Figure", dpi: int) -> bytes:
    """Return the figure as PNG, `dpi` pixels an inch, without the library's name and version."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: "Figure") -> bytes:
    """Return the figure as SVG, its texts as text, without a date and the library's name and version."""
    from matplotlib import rc_context  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    buffer = io.BytesIO()
    # Names of elements are hashes with this salt, by default a random one.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "persona_assets"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_data_address(png: bytes) -> str:
    """Return the picture as a `data:` address, for HTML and for Markdown in the UI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
