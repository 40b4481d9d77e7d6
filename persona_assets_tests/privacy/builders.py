"""A small audit for the tests of findings and of their page."""

import numpy as np
import pyarrow as pa

from persona_assets.privacy.audit import GateCounts, VectorModel, VerbatimMatches, audit_release
from persona_assets.privacy.samples import ReleasedText

NOTHING = GateCounts(0, 0, 0)
USERS = pa.table({"persona": ["0", "0", "1", "1"], "lines": [3, 4, 1, 90]})
# Three authors with words of their own, four lines each.
OWN = [
    ReleasedText(10 * place + number, author, f"{author} {author}s {number}x")
    for place, author in enumerate(("cat", "ship", "wine"))
    for number in range(4)
]
WORDS = [VerbatimMatches("chat", 12, 9)]


def embed(texts):
    """Return vectors that tell the authors of `OWN` apart."""
    return np.array([[text.startswith(word) for word in ("cat", "ship", "wine")] for text in texts], float)


MODEL = VectorModel("a-model", embed)


def audit(gate=NOTHING, sample=("harmless",), own=None, **options):
    """Return an audit of a release of two forms with texts and one of addresses."""
    own = {"chat": OWN, "threads": OWN} if own is None else own
    options = {"scope": "line", "is_cleaned": True, "by_address": ["dehydrated"], **options}
    return audit_release(gate, list(sample), USERS, own, WORDS, **options)
