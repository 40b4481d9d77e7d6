"""Audit what a data set tells about people: personal data that is left, k-anonymity, and linkage of its lines.

`audit_release` takes what a release holds and what its gate counted, and returns findings. A finding of which a release
must have none has passed or failed. k-anonymity and linkage are measured: they judge how well a form hides people, and
no threshold is right for all uses.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from persona_assets.personal_data import KINDS, find_personal_data
from persona_assets.personal_data.replacement import NameFinder
from persona_assets.privacy.halves import Attack, choose_known_texts, count_all_terms, link_halves
from persona_assets.privacy.k_anonymity import KAnonymity, measure_k_anonymity
from persona_assets.privacy.linkage import Linkage
from persona_assets.privacy.samples import ReleasedText

Scope = Literal["line", "persona", "release"]
Verdict = Literal["passed", "failed", "measured", "not measured"]
# Vectors of texts, (n, d), in their order.
Embed = Callable[[Sequence[str]], "np.ndarray[tuple[int, int], np.dtype[np.floating]]"]

# Authors and lines of each that are matched: 4,000 texts of 18 words take 1 CPU s, and 1 s to import scikit-learn.
MAX_AUTHORS, MAX_LINES = 500, 8
# Texts in which names are looked for: a model reads about 1,000 a second.
MAX_NAMED_TEXTS = 2_000
# Bands of the number of lines of a user: from, and what the band is called.
_BANDS = ((50, "50 or more"), (10, "10 to 49"), (5, "5 to 9"), (2, "2 to 4"), (1, "1"))


class GateCounts(NamedTuple):
    """Numbers of rows in a whole release that break a rule: refusing accounts, deleted posts, account ids.

    None: there was nothing to compare with.
    """

    refusing: int | None  # accounts that refuse, and have a line or a message in one
    deleted: int  # records that were deleted, and are in a line
    account_ids: int  # strings with an account's id or a record's address, in forms that promise none


class FormLinkage(NamedTuple):
    """How often an attack matches the released texts of one form to their authors.

    Attributes:
        form: Name of the form.
        unit: `line`, or `author` for all lines of an author under one pseudonym.
        attack: What is compared.
        is_released: Whether the release has pseudonyms of this scope.
        linkage: The figures.
    """

    form: str
    unit: Literal["line", "author"]
    attack: Attack
    is_released: bool
    linkage: Linkage


class VerbatimMatches(NamedTuple):
    """How many sampled texts of a form stand word for word in the public capture, under their author's name."""

    form: str
    texts: int
    found: int


class ReleaseAudit(NamedTuple):
    """Result of `audit_release`: personal data found, k-anonymity, and linkage of each form.

    Attributes:
        gate: What the gate counted.
        personal_data: Pieces of personal data that are found in the sample, by kind, without names. Kinds of which
            there is none are missing.
        sampled: Number of distinct texts in the sample.
        is_cleaned: Whether the release promises texts without personal data.
        names: Names found, and the number of texts in which they were looked for; None: no model was given.
        scope: Of the pseudonyms.
        users: Number of users with lines.
        k_anonymity: Of the table of users, by persona and band of activity.
        linkage: By form, unit and attack. Empty if fewer than two authors have two different texts.
        word_for_word: By form.
        by_address: Forms that name the accounts themselves, which have no text.
    """

    gate: GateCounts
    personal_data: dict[str, int]
    sampled: int
    is_cleaned: bool
    names: tuple[int, int] | None
    scope: Scope
    users: int
    k_anonymity: KAnonymity
    linkage: list[FormLinkage]
    word_for_word: list[VerbatimMatches]
    by_address: tuple[str, ...]


class Finding(NamedTuple):
    """One row of the privacy page: what was measured, the verdict, the value, and what it means."""

    name: str
    verdict: Verdict
    value: str
    meaning: str


def audit_release(  # noqa: PLR0913 - each is a thing that is audited
    gate: GateCounts,
    sample: Sequence[str],
    users: pa.Table,
    own_texts: Mapping[str, Sequence[ReleasedText]],
    word_for_word: Sequence[VerbatimMatches],
    *,
    scope: Scope,
    is_cleaned: bool,
    by_address: Sequence[str] = (),
    names: NameFinder | None = None,
    embed: Embed | None = None,
    seed: int = 0,
) -> ReleaseAudit:
    """Measure how well a release hides its people: personal data left, k-anonymity, and linkage of texts.

    The same arguments give the same findings.

    Args:
        gate: What the gate counted in all rows.
        sample: Distinct released texts, in which personal data is looked for.
        users: One row for each user: `persona` and `lines`, the number of lines.
        own_texts: For each form with texts, what drawn authors wrote, as `samples.draw_authors` returns it.
        word_for_word: For each form with texts, how many drawn texts are in the public capture.
        scope: Of the pseudonyms.
        is_cleaned: Whether the release promises texts without personal data.
        by_address: Forms that name the accounts themselves.
        names: Finds names of people. None: names are not looked for.
        embed: Returns vectors of texts. None: linkage by vectors is not measured.
        seed: Decides how the texts of an author are halved.
    """
    left = Counter(span.kind for text in sample for span in find_personal_data(text))
    some = list(sample[:MAX_NAMED_TEXTS])
    return ReleaseAudit(
        gate,
        {kind: left[kind] for kind in KINDS if left[kind]},
        len(sample),
        is_cleaned,
        None if names is None else (sum(map(len, names(some))), len(some)),
        scope,
        users.num_rows,
        measure_user_k_anonymity(users),
        measure_linkage(own_texts, scope=scope, embed=embed, seed=seed),
        list(word_for_word),
        tuple(by_address),
    )


def measure_user_k_anonymity(users: pa.Table) -> KAnonymity:
    """Measure the k-anonymity of users, grouped by persona and band of activity.

    Args:
        users: One row for each user: `persona` and `lines`.
    """
    bands = [name_activity_band(lines) for lines in users["lines"].to_pylist()]
    view = pa.table({"persona": users["persona"], "activity": pa.array(bands, pa.string())})
    return measure_k_anonymity(view, ["persona", "activity"])


def name_activity_band(lines: int) -> str:
    """Return the band of activity of a user with this number of lines, such as `5 to 9`."""
    return next((name for fewest, name in _BANDS if lines >= fewest), "0")


def measure_linkage(
    own_texts: Mapping[str, Sequence[ReleasedText]], *, scope: Scope, embed: Embed | None = None, seed: int = 0
) -> list[FormLinkage]:
    """Measure how often one half of an author's texts is matched to the other half, by form, unit and attack.

    A form with the same texts as an earlier one has its figures. A form in which fewer than two authors have two texts
    has none.

    Args:
        own_texts: For each form, texts of drawn authors, at least two of each.
        scope: Of the released pseudonyms. A user has one persona in a release, so that all lines of an author have one
            pseudonym in the scopes `persona` and `release`.
        embed: Returns vectors of texts.
        seed: Decides how texts are halved.
    """
    released = "line" if scope == "line" else "author"
    done: dict[tuple[ReleasedText, ...], list[tuple[Literal["line", "author"], Attack, Linkage]]] = {}
    found: list[FormLinkage] = []
    for form, lines in own_texts.items():
        key = tuple(lines)
        if key not in done:
            done[key] = _link(key, embed, seed)
        found += [FormLinkage(form, unit, attack, unit == released, linkage) for unit, attack, linkage in done[key]]
    return found


def _link(
    lines: Sequence[ReleasedText], embed: Embed | None, seed: int
) -> list[tuple[Literal["line", "author"], Attack, Linkage]]:
    numbers: dict[str, int] = {}
    authors = np.array([numbers.setdefault(line.author, len(numbers)) for line in lines], dtype=np.int64)
    if len(numbers) < 2:  # noqa: PLR2004 - one author cannot be told from others
        return []
    texts = [line.text for line in lines]
    known = choose_known_texts(authors, np.random.default_rng(seed))
    vectors = None if embed is None else embed(texts)
    counts = count_all_terms(texts)
    units: tuple[tuple[Literal["line", "author"], list[int]], ...] = (
        ("line", [line.line_id for line in lines]),
        ("author", authors.tolist()),
    )
    return [
        (unit, attack, linkage)
        for unit, keys in units
        for attack, linkage in link_halves(texts, authors, keys, known, vectors=vectors, counts=counts).items()
    ]
