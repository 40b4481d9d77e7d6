"""Render the audit of a data set as one HTML page without scripts, which requests nothing."""

import base64
import hashlib
from importlib.resources import files
from typing import NamedTuple

from persona_assets.privacy.audit import ReleaseAudit
from persona_assets.privacy.findings import list_findings

PRIVACY_PAGE = "privacy.html"
# What an attack compares.
ATTACKS = {
    "words": "words (TF-IDF)",
    "characters": "3 to 5 characters (TF-IDF)",
    "vectors": "mean vectors",
}
UNITS = {"line": "a line", "author": "all lines of a user"}
SCOPES = {
    "line": "differ in each line",
    "persona": "are the same within a persona",
    "release": "are the same in the whole release",
}


class PageTitle(NamedTuple):
    """Days, number of lines and forms of a data set, for the heading of its privacy page."""

    first_day: str
    last_day: str
    lines: int
    forms: tuple[str, ...]


def render_privacy_page(audit: ReleaseAudit, title: PageTitle) -> str:
    """Render the audit of a data set as one HTML page without scripts and outside files.

    It names no user and quotes no text.

    Args:
        audit: The findings.
        title: Days, size and forms of the data set.
    """
    import jinja2  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    template = files("persona_assets.privacy").joinpath("privacy.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["sha256"] = _digest
    findings = list_findings(audit)
    return environment.from_string(template).render(
        audit=audit,
        title=title,
        findings=findings,
        failed=[finding.name for finding in findings if finding.verdict == "failed"],
        attacks=ATTACKS,
        units=UNITS,
        scope=SCOPES[audit.scope],
    )


def _digest(inline: str) -> str:
    """Return the digest by which the page's policy allows its style, and nothing else that is inline."""
    return base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
