"""Find and remove personal data in texts.

In: texts, the facets of their records, and optionally a function that finds names. Out: texts in which each piece of
personal data is replaced by a placeholder of its kind, such as `[EMAIL]`, and the number replaced by kind.

Mentions and links are found by the facets of the record first, then structured kinds by patterns with checksums, then
names by a model that the caller passes in. Nothing here loads a model by itself: `names.load_name_finder` does.
"""

from persona_assets.personal_data.detection import find_personal_data
from persona_assets.personal_data.facets import Facet, parse_facets
from persona_assets.personal_data.kinds import KINDS, PLACEHOLDERS, Kind, Span
from persona_assets.personal_data.replacement import ReplacedTexts, replace_personal_data

__all__ = [
    "KINDS",
    "PLACEHOLDERS",
    "Facet",
    "Kind",
    "ReplacedTexts",
    "Span",
    "find_personal_data",
    "parse_facets",
    "replace_personal_data",
]
