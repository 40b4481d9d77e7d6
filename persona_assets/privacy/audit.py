"""Audit what a data set tells about people: personal data that is left, k-anonymity, and linkage of its lines.

`audit_release` takes what a release holds and what its gate counted, and returns findings. A finding of which a release
must have none has passed or failed. k-anonymity and linkage are measured: they judge how well a form hides people, and
no threshold is right for all uses.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa

from persona_assets.personal_data import KINDS, find_personal_data
from persona_assets.personal_data.replacement import NameFinder
from persona_assets.privacy.halves import Attack, choose_known_texts, count_all_terms, link_halves
from persona_assets.privacy.k_anonymity import KAnonymity, measure_k_anonymity
from persona_assets.privacy.linkage import Linkage
from persona_assets.privacy.samples import ReleasedText, draw_part

Scope = Literal["line", "persona", "release"]
Unit = Literal["line", "author"]
Verdict = Literal["passed", "failed", "measured", "not measured"]
_UNITS: tuple[Unit, ...] = get_args(Unit)
_UnitLinkage = tuple[Unit, Attack, Linkage]
# Vectors of texts, (n, d), in their order.
Vectors = np.ndarray[tuple[int, int], np.dtype[np.floating]]
Embed = Callable[[Sequence[str]], Vectors]

# Authors and lines of each that are matched: 4,000 texts of 18 words take 1 CPU s, and 1 s to import scikit-learn.
MAX_AUTHORS, MAX_LINES = 500, 8
# Texts in which names are looked for: a model reads about 1,000 a second.
MAX_NAMED_TEXTS = 2_000
# Of the texts of a form that are compared by vectors: about 100 authors, 8 posts of 100 characters of each. The model
# of the package encodes 30,000 characters per CPU second in bfloat16, and 15,000 in float32.
MAX_EMBEDDED_CHARACTERS = 80_000
# Bands of the number of lines of a user: from, and what the band is called.
_BANDS = ((50, "50 or more"), (10, "10 to 49"), (5, "5 to 9"), (2, "2 to 4"), (1, "1"))


class GateCounts(NamedTuple):
    """Numbers of rows in a whole release that break a rule: refusing accounts, deleted posts, account ids.

    None: there was nothing to compare with.
    """

    refusing: int | None  # accounts that refuse, and have a line or a message in one
    deleted: int  # records that were deleted, and are in a line
    account_ids: int  # strings with an account's id or a record's address, in forms that promise none


class VectorModel(NamedTuple):
    """The text encoder of the attack by vectors, and the accounts whose texts it must not encode.

    Attributes:
        name: Of the model, for readers of the audit.
        embed: Returns the vectors of texts. It is called once, if there is a text.
        refusing: Accounts that refuse embedding.
    """

    name: str
    embed: Embed
    refusing: frozenset[str] = frozenset()


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
    unit: Unit
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
        linkage: By form, unit and attack. Empty if fewer than two authors have two different texts. Where vectors are
            those of some of the authors, words are there for these authors too, after the vectors.
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
    vector_model: str | None = None  # its name; None: linkage by vectors is not measured


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
    model: VectorModel | None = None,
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
        model: Encodes texts as released. None: linkage by vectors is not measured.
        seed: Decides how the texts of an author are halved, and whose are encoded.
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
        measure_linkage(own_texts, scope=scope, model=model, seed=seed),
        list(word_for_word),
        tuple(by_address),
        None if model is None else model.name,
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
    own_texts: Mapping[str, Sequence[ReleasedText]], *, scope: Scope, model: VectorModel | None = None, seed: int = 0
) -> list[FormLinkage]:
    """Measure how often one half of an author's texts is matched to the other half, by form, unit and attack.

    A form with the same texts as an earlier one has its figures. A form in which fewer than two authors have two texts
    has none. Vectors are compared for as many authors as `MAX_EMBEDDED_CHARACTERS` allows. Each distinct text is
    encoded once.

    Args:
        own_texts: For each form, texts of drawn authors, at least two of each.
        scope: Of the released pseudonyms. A user has one persona in a release, so that all lines of an author have one
            pseudonym in the scopes `persona` and `release`.
        model: Encodes texts. None: vectors are not compared.
        seed: Decides how texts are halved, and whose are encoded.
    """
    released = "line" if scope == "line" else "author"
    embedded = {form: _choose_embedded(lines, model, seed) for form, lines in own_texts.items()}
    vector_of = _embed_once(embedded.values(), model)
    done: dict[tuple[ReleasedText, ...], list[_UnitLinkage]] = {}
    found: list[FormLinkage] = []
    for form, lines in own_texts.items():
        key = tuple(lines)
        if key not in done:
            done[key] = _link(lines, embedded[form], vector_of, seed)
        found += [FormLinkage(form, unit, attack, unit == released, linkage) for unit, attack, linkage in done[key]]
    return found


def _choose_embedded(lines: Sequence[ReleasedText], model: VectorModel | None, seed: int) -> list[ReleasedText]:
    """Return the lines whose texts are encoded: none if they would be of fewer than two authors."""
    if model is None:
        return []
    allowed = [line for line in lines if line.author not in model.refusing]
    part = draw_part(allowed, max_characters=MAX_EMBEDDED_CHARACTERS, seed=seed)
    return part if _count_authors(part) > 1 else []


def _embed_once(parts: Iterable[Sequence[ReleasedText]], model: VectorModel | None) -> dict[str, Vectors]:
    """Return the vector of each distinct text."""
    texts = sorted({line.text for part in parts for line in part})
    return dict(zip(texts, model.embed(texts), strict=True)) if model and texts else {}


def _link(
    lines: Sequence[ReleasedText], embedded: Sequence[ReleasedText], vector_of: Mapping[str, Vectors], seed: int
) -> list[_UnitLinkage]:
    """Match halves by each attack, for both units; `embedded` are the lines whose texts have vectors."""
    if _count_authors(lines) < 2:  # noqa: PLR2004 - one author cannot be told from others
        return []
    vectors = np.array([vector_of[line.text] for line in embedded]) if embedded else None
    if len(embedded) == len(lines):
        return _link_by_unit(lines, vectors, seed)
    whole = _link_by_unit(lines, None, seed)
    part = _link_by_unit(embedded, vectors, seed) if embedded else []
    # Vectors, and words of the same authors to compare them with.
    some = [row for attack in ("vectors", "words") for row in part if row[1] == attack]
    return [row for unit in _UNITS for rows in (whole, some) for row in rows if row[0] == unit]


def _link_by_unit(lines: Sequence[ReleasedText], vectors: Vectors | None, seed: int) -> list[_UnitLinkage]:
    numbers: dict[str, int] = {}
    authors = np.array([numbers.setdefault(line.author, len(numbers)) for line in lines], dtype=np.int64)
    texts = [line.text for line in lines]
    known = choose_known_texts(authors, np.random.default_rng(seed))
    keys: dict[Unit, list[int]] = {"line": [line.line_id for line in lines], "author": authors.tolist()}
    counts = count_all_terms(texts)
    return [
        (unit, attack, linkage)
        for unit in _UNITS
        for attack, linkage in link_halves(texts, authors, keys[unit], known, vectors=vectors, counts=counts).items()
    ]


def _count_authors(lines: Sequence[ReleasedText]) -> int:
    return len({line.author for line in lines})
