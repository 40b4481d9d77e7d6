"""Names of collections and forms of URIs are only in the lexicon."""

import ast
from pathlib import Path

import pyarrow as pa
import pytest

from persona_assets.common import lexicon

PACKAGE = Path(lexicon.__file__).parent.parent
# Facets, purposes of lists, and examples in descriptions: each is used in one module only.
NAMES = sorted(value for name, value in vars(lexicon).items() if name.isupper() and isinstance(value, str))
# Also names of columns and of other things that are no part of the lexicon.
NAMES = [name for name in NAMES if name not in {"bot", "self", "forgotten"}]


@pytest.mark.parametrize(
    ("uri", "owner"),
    [
        ("at://did:plc:abc/app.bsky.feed.post/3k", "did:plc:abc"),
        ("at://did:web:example.org", "did:web:example.org"),
        ("at://alice.example/app.bsky.feed.post/3k", None),
        ("https://did:plc:abc/", None),
        ("", None),
        (None, None),
    ],
)
def test_the_owner_of_a_record_is_the_did_in_its_uri(uri, owner):
    assert lexicon.extract_owner_dids(pa.array([uri], pa.string())).to_pylist() == [owner]


def test_uris_are_null_where_a_part_is_missing():
    uris = lexicon.build_uris(
        pa.array(["did:plc:a", "did:plc:b"]), pa.array([lexicon.POST] * 2), pa.array(["3k", None])
    )

    assert uris.to_pylist() == ["at://did:plc:a/app.bsky.feed.post/3k", None]


def test_uris_of_posts_differ_from_those_of_other_records():
    assert lexicon.POST_IN_URI in "at://did:plc:a/app.bsky.feed.post/3k"
    assert lexicon.POST_IN_URI not in "at://did:plc:a/app.bsky.feed.postgate/3k"


def test_collections_without_columns_are_official_ones():
    assert set(lexicon.UNUSED_COLLECTIONS) < lexicon.OFFICIAL_COLLECTIONS


def test_no_other_module_has_a_name_of_the_lexicon():
    written = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for path in PACKAGE.rglob("*.py")
        if path.name != "lexicon.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES
    }

    assert written == set()
