"""Measure how well released data hides its people: linkage of their texts, and k-anonymity of tables of users.

In: texts, vectors and tables as they are to be released. Out: figures, and the findings and page of an audit. Nothing
is changed, except by `k_anonymity.drop_small_groups`.
"""

from persona_assets.privacy.audit import Finding, GateCounts, ReleaseAudit, VectorModel, VerbatimMatches, audit_release
from persona_assets.privacy.findings import list_findings, summarise_verdicts
from persona_assets.privacy.halves import choose_known_texts, link_halves
from persona_assets.privacy.k_anonymity import KAnonymity, drop_small_groups, measure_k_anonymity
from persona_assets.privacy.linkage import Linkage, link_by_search, link_by_texts, link_by_vectors
from persona_assets.privacy.privacy_page import PRIVACY_PAGE, PageTitle, render_privacy_page
from persona_assets.privacy.samples import ReleasedText, TextSample, draw_authors

__all__ = [
    "PRIVACY_PAGE",
    "Finding",
    "GateCounts",
    "KAnonymity",
    "Linkage",
    "PageTitle",
    "ReleaseAudit",
    "ReleasedText",
    "TextSample",
    "VectorModel",
    "VerbatimMatches",
    "audit_release",
    "choose_known_texts",
    "draw_authors",
    "drop_small_groups",
    "link_by_search",
    "link_by_texts",
    "link_by_vectors",
    "link_halves",
    "list_findings",
    "measure_k_anonymity",
    "render_privacy_page",
    "summarise_verdicts",
]
