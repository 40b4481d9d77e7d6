"""Functions for the plots of several assets: colours, principal components, PNG and SVG bytes, `data:` URLs.

The same data always gives the same bytes.
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

# Resolution of pictures in Dagster metadata, which are stored in Dagster's database: about 40 KB each.
UI_DPI = 70
# Resolution of pictures that are stored as files.
FILE_DPI = 100
N_COLOURS = 20
GREY = "lightgrey"


def choose_colour(number: int) -> str:
    """Return the fixed colour of cluster or persona `number`, as `#rrggbb`.

    Colours repeat after twenty numbers: the ten strong colours of matplotlib's tab20, then the ten pale ones.
    """
    from matplotlib import colormaps  # noqa: PLC0415 - 0.5 s, and definitions must load fast
    from matplotlib.colors import to_hex  # noqa: PLC0415 - the same

    return to_hex(colormaps["tab20"]([*range(0, N_COLOURS, 2), *range(1, N_COLOURS, 2)][number % N_COLOURS]))


def project_to_plane(vectors: Floats) -> Floats:
    """Project vectors on their first two principal components: float32 `(n, 2)`, with reproducible signs.

    Args:
        vectors: float32 `(n, d)` with n at least 1. If d is 1, the second component is 0.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    strongest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return (centred @ (axes * np.where(strongest < 0, -1, 1))).astype(np.float32)


def to_png(figure: "Figure", dpi: int, *, n_colours: int | None = None) -> bytes:
    """Return the figure as PNG bytes, `dpi` pixels per inch, without the name and version of matplotlib.

    Args:
        figure: Is drawn.
        dpi: Pixels per inch.
        n_colours: Maximum number of colours, 2 to 256, on an opaque ground; None: all. With 256, a map of thousands of
            translucent dots has a third of the bytes, and looks the same.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    if n_colours is None:
        return buffer.getvalue()
    from PIL import Image  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    reduced = io.BytesIO()
    with Image.open(buffer) as whole:
        # Pillow's own choice of method merges rare colours, and with them the dots of small personas.
        rare_too = Image.Quantize.MAXCOVERAGE
        palette = whole.convert("RGB").quantize(n_colours, method=rare_too, dither=Image.Dither.NONE)
    palette.save(reduced, "png", optimize=True)
    return reduced.getvalue()


def to_svg(figure: "Figure") -> bytes:
    """Return the figure as SVG bytes with text elements, without the date and the name and version of matplotlib."""
    from matplotlib import rc_context  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    buffer = io.BytesIO()
    # Ids of elements are hashes with this salt, which is random by default.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "persona_assets"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_data_url(png: bytes) -> str:
    """Return a PNG picture as a `data:` URL, for HTML and for Markdown in the UI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
