"""Write what describes a data set into its folder: the card, the page of the audit and the Croissant metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from persona_assets.assets.dataset.build import Release, ReleaseOptions
from persona_assets.assets.dataset.croissant import render_croissant
from persona_assets.assets.dataset.data_card import CITATION, GATE, LIMITS, AuditFigure, CardOptions, render_data_card
from persona_assets.assets.dataset.gate import GateMeasures
from persona_assets.assets.dataset.personas import Persona
from persona_assets.assets.dataset.release_schemas import FORMS
from persona_assets.privacy import PRIVACY_PAGE, PageTitle, list_findings, render_privacy_page
from persona_assets.privacy.findings import ACCOUNTS_THAT_REFUSE

CARD, CROISSANT = "README.md", "croissant.json"


def write_descriptions(  # noqa: PLR0913, PLR0917 - what the files are made of
    folder: Path,
    release: Release,
    personas: Sequence[Persona],
    options: ReleaseOptions,
    card: CardOptions,
    audit: GateMeasures,
) -> None:
    """Write the data card, the privacy page and the Croissant metadata to the folder of a data set.

    Args:
        folder: The data set.
        release: What was written there.
        personas: All personas of the day.
        options: How the data set was made.
        card: What else the card says.
        audit: What the gate measured.
    """
    written = {shard.form for shard in release.shards}
    forms = {form: FORMS[form] for form in options.forms if form in written}
    text = render_data_card(release, personas, forms, options, card, list_audit_figures(audit, options))
    (folder / CARD).write_text(text, encoding="utf-8")
    title = PageTitle(card.days[0], card.days[-1], sum(release.splits.kept.values()), tuple(forms))
    (folder / PRIVACY_PAGE).write_text(render_privacy_page(audit.privacy, title), encoding="utf-8")
    properties = {
        "name": f"personas-{card.days[-1]}",
        "description": "What users of a social network wrote and did, by persona: a cluster of users who write alike.",
        "license": card.license_name,
        "citeAs": CITATION,
        "version": "1.0.0",
        "datePublished": card.days[-1],
    }
    use = {
        "dataCollection": "A capture of Bluesky's public stream; see How it was made in README.md.",
        "personalSensitiveInformation": GATE,
        "dataLimitations": LIMITS,
        "dataReleaseMaintenancePlan": "Make the data set again without what was deleted since, and publish that.",
    }
    (folder / CROISSANT).write_bytes(render_croissant(forms, properties=properties, responsible_use=use))


def list_audit_figures(audit: GateMeasures, options: ReleaseOptions) -> list[AuditFigure]:
    """Return the measures of the audit, as the data card shows them."""
    compared = ", ".join(f"{count:,} {name}" for name, count in audit.compared.items())
    found = f"{audit.personal_data:,} in {audit.sampled:,} texts" if options.clean else "texts were kept as they are"
    refusing = ("no list was given", None) if audit.privacy.gate.refusing is None else _count_none(audit.refusing)
    passed = [
        AuditFigure("lines that are not accounted for", f"{audit.unaccounted:,}", not audit.unaccounted),
        AuditFigure("ids of accounts in chat and threads", f"{audit.account_ids:,}", not audit.account_ids),
        AuditFigure("records deleted in the window", f"{audit.deleted:,}", not audit.deleted),
        AuditFigure("accounts that are to be left out", *refusing),
        AuditFigure("pieces of personal data found again", found, not audit.personal_data),
        AuditFigure(
            "users, threads and texts that splits share",
            f"{'; '.join(audit.leaks) or '0'}, of {compared}",
            not audit.leaks,
        ),
    ]
    measured = [
        AuditFigure(one.name, one.value if one.verdict == "measured" else f"not measured: {one.value}", None)
        for one in list_findings(audit.privacy)
        if one.verdict in {"measured", "not measured"} and one.name != ACCOUNTS_THAT_REFUSE
    ]
    return passed + measured


def _count_none(count: int) -> tuple[str, bool]:
    return f"{count:,}", not count
