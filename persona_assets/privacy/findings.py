"""Put the findings of an audit into words: a verdict, a value and what it means, for a page and for metadata."""

from persona_assets.personal_data import PLACEHOLDERS
from persona_assets.privacy.audit import Finding, FormLinkage, ReleaseAudit, Verdict

# Users who should share their values at least, where a table with a row per user is published: design of the releases.
ADVISED_K = 20
ACCOUNTS_THAT_REFUSE = "Accounts that refuse"


def list_findings(audit: ReleaseAudit) -> list[Finding]:
    """Return the rows of the privacy page: a verdict, a value and its meaning for each measure of an audit."""
    return [
        _consent(audit),
        Finding(
            "Deleted records",
            _must_be_none(audit.gate.deleted),
            f"{audit.gate.deleted:,}",
            "Records in released lines that their authors deleted within the window.",
        ),
        Finding(
            "Ids of accounts",
            _must_be_none(audit.gate.account_ids),
            f"{audit.gate.account_ids:,}",
            "Strings with a DID, which addresses of records have too, in all rows of the forms that promise none.",
        ),
        _personal_data(audit),
        _names(audit),
        _k_anonymity(audit),
        *_word_for_word(audit),
        *_linkage(audit),
    ]


def summarise_verdicts(audit: ReleaseAudit) -> dict[str, str]:
    """Return the verdict and the value of each finding, by its name."""
    return {finding.name: f"{finding.verdict}: {finding.value}" for finding in list_findings(audit)}


def _must_be_none(count: int) -> Verdict:
    return "failed" if count else "passed"


def _consent(audit: ReleaseAudit) -> Finding:
    refusing, name = audit.gate.refusing, ACCOUNTS_THAT_REFUSE
    if refusing is None:
        return Finding(
            name,
            "not measured",
            "no list was given",
            "The step was not told which accounts refuse what a release does.",
        )
    return Finding(
        name,
        _must_be_none(refusing),
        f"{refusing:,}",
        "Accounts in released lines that refuse what a release does, or are no longer active.",
    )


def _personal_data(audit: ReleaseAudit) -> Finding:
    total = sum(audit.personal_data.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in audit.personal_data.items())
    value = f"{kinds or '0'} in {_count(audit.sampled)}"
    name = "Personal data in texts"
    if not audit.is_cleaned:
        return Finding(
            name, "measured", value, "Texts were kept as they are: this release does not promise to have none."
        )
    return Finding(
        name,
        _must_be_none(total),
        value,
        "Links, handles, addresses, and numbers of phones, cards or accounts, which the patterns that removed them "
        "find in a sample of distinct texts. What these patterns do not know, they do not find here either.",
    )


def _names(audit: ReleaseAudit) -> Finding:
    name = "Names of people in texts"
    if audit.names is None:
        return Finding(name, "not measured", "no model", "The extra names is not installed. Names are not removed.")
    found, texts = audit.names
    return Finding(
        name,
        "measured",
        f"{found:,} in {_count(texts)}",
        "Names that a model finds in the sample. They are not removed.",
    )


def _k_anonymity(audit: ReleaseAudit) -> Finding:
    k = audit.k_anonymity
    return Finding(
        "k-anonymity of users",
        "measured",
        f"k = {k.k:,}",
        f"The smallest group of users with the same persona and band of activity. {k.alone:,} of {audit.users:,} users "
        f"are alone in theirs. Publish a table with a row per user only if k is {ADVISED_K} or more.",
    )


def _word_for_word(audit: ReleaseAudit) -> list[Finding]:
    findings = [
        Finding(
            f"Found by text search: {form}",
            "measured",
            f"{found / texts:.2f}",
            f"{found:,} of {texts:,} drawn texts stand word for word in the public stream, with their author's name. "
            f"Placeholders such as {PLACEHOLDERS['url']} change the others, whose remaining words can be searched for.",
        )
        for form, texts, found in audit.word_for_word
        if texts
    ]
    findings += [
        Finding(
            f"Found by address: {form}",
            "not measured",
            "every line",
            "The form has addresses of public records in place of texts. An address names its account.",
        )
        for form in audit.by_address
    ]
    return findings


def _linkage(audit: ReleaseAudit) -> list[Finding]:
    forms: dict[str, list[FormLinkage]] = {}
    for row in audit.linkage:
        if row.is_released:
            forms.setdefault(row.form, []).append(row)
    findings = [_linkage_of_form(form, rows) for form, rows in forms.items()]
    if not findings and audit.word_for_word:
        findings.append(
            Finding(
                "Linked by style", "not measured", "too few authors", "Fewer than two authors have two different texts."
            )
        )
    return findings


def _linkage_of_form(form: str, rows: list[FormLinkage]) -> Finding:
    """Return recall@1 and recall at 90 % precision of each attack; vectors may be those of fewer authors."""
    authors = max(row.linkage.authors for row in rows)
    of_all = [row for row in rows if row.linkage.authors == authors]
    of_some = [row for row in rows if row.linkage.authors < authors]
    value = ", ".join(f"{row.attack} {_recalls(row)}" for row in of_all)
    if of_some:
        compared = ", ".join(f"{row.attack} {_recalls(row)}" for row in of_some)
        value += f"; among {of_some[0].linkage.authors:,} of them: {compared}"
    return Finding(
        f"Linked by style: {form}",
        "measured",
        value,
        "The share of what has one pseudonym that each attack below matches to the right author, and the share that it "
        f"names while 9 of 10 of its names are right, among {authors:,} drawn authors."
        + (" Encoding takes long, so that vectors are compared for some of them." if of_some else ""),
    )


def _recalls(row: FormLinkage) -> str:
    return f"{row.linkage.recall_at_1:.2f} / {row.linkage.recall_at_90_precision:.2f}"


def _count(texts: int) -> str:
    return f"{texts:,} text{'' if texts == 1 else 's'}"
