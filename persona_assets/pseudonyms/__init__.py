"""Replace account ids by keyed pseudonyms, and instants by coarse or relative ones.

In: account ids (DIDs), a key that is kept outside the data, and a scope. Out: pseudonyms by HMAC-SHA256. An account
has one pseudonym within a scope; without the key nobody can tell which pseudonyms of two scopes are of one account.
"""

from persona_assets.pseudonyms.instants import coarsen_instants, elapsed_since_group_start
from persona_assets.pseudonyms.key import MIN_KEY_BYTES, PseudonymKey, read_key_file
from persona_assets.pseudonyms.pseudonym import Scope, make_pseudonyms

__all__ = [
    "MIN_KEY_BYTES",
    "PseudonymKey",
    "Scope",
    "coarsen_instants",
    "elapsed_since_group_start",
    "make_pseudonyms",
    "read_key_file",
]
