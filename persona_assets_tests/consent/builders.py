"""Small inputs for the tests of consent."""

import pyarrow as pa

from persona_assets.consent.schemas import CONSENTS


def consents(rows):
    """`CONSENTS` of rows that name only what matters: columns that are absent are null, and the labels false."""
    absent = dict.fromkeys(CONSENTS.names) | {"no_unauthenticated": False, "bot": False}
    return pa.Table.from_pylist([absent | row for row in rows], schema=CONSENTS)
