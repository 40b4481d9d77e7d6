"""Measure how well released data hides its people: linkage of their texts, and k-anonymity of tables of users.

In: texts, vectors and tables as they are to be released. Out: figures. Nothing is changed, except by
`k_anonymity.drop_small_groups`.
"""

from persona_assets.privacy.k_anonymity import KAnonymity, drop_small_groups, measure_k_anonymity
from persona_assets.privacy.linkage import Linkage, link_by_search, link_by_texts, link_by_vectors

__all__ = [
    "KAnonymity",
    "Linkage",
    "drop_small_groups",
    "link_by_search",
    "link_by_texts",
    "link_by_vectors",
    "measure_k_anonymity",
]
