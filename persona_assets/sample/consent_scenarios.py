"""What planted accounts say about the use of their data, when, and what follows from it.

The expected result of each scenario is written out by hand, not computed: a test of the graph compares with it.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from persona_assets.common.lexicon import AI_PREFERENCE, BOT, HIDE_FROM_LOGGED_OUT, LIKE, POST, PROFILE, USER_INTENTS

# The entity that scoped statements of planted accounts mean by "you": set PERSONA_CONSENT_ENTITY to it, or do not.
ENTITY, OTHER_ENTITY = "planted-entity.example", "did:web:somebody-else.example"
# Times as a share of the capture: before the first post of a planted account, between two posts, after the last one.
BEFORE, BETWEEN, AFTER = 0.002, 0.5, 0.998
_SOON_AFTER = 0.01
# Fields of the two lexicons, with the purpose in `consents`.
AI_FIELDS = {
    "training": "training",
    "inference": "inference",
    "syntheticContent": "synthetic_content",
    "embedding": "embedding",
}
INTENT_FIELDS = {
    "syntheticContentGeneration": "synthetic_content",
    "bulkDataset": "bulk_dataset",
    "publicAccessArchive": "archive",
}
FUTURE = "9999-12-31T23:59:59.999Z"
_SCOPED_KEY = "3lscopedaaaa2"


class PlantedStatement(NamedTuple):
    """An act of a planted account at one time: a commit of a consent record, or a change of status."""

    at: float  # share of the capture
    collection: str = ""
    key: str = "self"
    operation: Literal["create", "update", "delete"] = "create"
    record: Mapping[str, Any] | None = None
    status: str = ""


class Scenario(NamedTuple):
    """Statements and deletions of a planted account, and the row of `consents` that must follow from them."""

    name: str
    statements: tuple[PlantedStatement, ...]
    expected: Mapping[str, Any]
    expected_of_entity: Mapping[str, Any] | None = None  # with PERSONA_CONSENT_ENTITY, if that makes a difference
    deletes_posts: bool = False  # every second one


def _prefer(
    at: float, scope: Mapping[str, str] | None = None, /, *, again: bool = False, **allow: bool
) -> PlantedStatement:
    """Return AI preferences, global unless a scope is given."""
    return _prefer_at(at, None, scope, again=again, **allow)


def _prefer_at(
    at: float, updated_at: str | None, scope: Mapping[str, str] | None = None, /, *, again: bool = False, **allow: bool
) -> PlantedStatement:
    preferences = {
        field: {"allow": value, **({"updatedAt": updated_at} if updated_at else {})} for field, value in allow.items()
    }
    record = {"preferences": preferences, "scope": scope or _scope("globalScope")}
    key = _SCOPED_KEY if scope else "self"
    return PlantedStatement(at, AI_PREFERENCE, key, "update" if again else "create", record)


def _scope(name: str, **value: str) -> dict[str, str]:
    return {"$type": f"{AI_PREFERENCE}#{name}", **value}


def _intend(at: float, **allow: bool) -> PlantedStatement:
    return PlantedStatement(at, USER_INTENTS, record={field: {"allow": value} for field, value in allow.items()})


def _withdraw(at: float, collection: str = AI_PREFERENCE, key: str = "self") -> PlantedStatement:
    return PlantedStatement(at, collection, key, "delete")


def _label(at: float, *labels: str) -> PlantedStatement:
    values = [{"val": label} for label in labels]
    own = {"labels": {"$type": "com.atproto.label.defs#selfLabels", "values": values}} if labels else {}
    return PlantedStatement(at, PROFILE, "self", "update", {"description": "", **own})


def _account(at: float, status: str) -> PlantedStatement:
    return PlantedStatement(at, status=status)


_ENTITY_SCOPE = _scope("entityScope", entity=ENTITY)
_OTHER_SCOPE = _scope("entityScope", entity=OTHER_ENTITY)
_POSTS_SCOPE = _scope("collectionScope", collection=POST)
_LIKES_SCOPE = _scope("collectionScope", collection=LIKE)
_NO, _YES = {"training_allow": False}, {"training_allow": True}

_EACH_PURPOSE = [
    Scenario(f"refuses {field} {when}", (make(at, **{field: False}),), {f"{purpose}_allow": False})
    for fields, make in ((AI_FIELDS, _prefer), (INTENT_FIELDS, _intend))
    for field, purpose in fields.items()
    for when, at in (("before its posts", BEFORE), ("after its posts", AFTER))
]
_CHANGED = [
    Scenario("allows everything", (_prefer(BEFORE, **dict.fromkeys(AI_FIELDS, True)),
                                   _intend(BEFORE, **dict.fromkeys(INTENT_FIELDS, True))),
             {f"{purpose}_allow": True for purpose in (*AI_FIELDS.values(), *INTENT_FIELDS.values())}),
    Scenario("allows, then refuses", (_prefer(BEFORE, training=True), _prefer(AFTER, again=True, training=False)), _NO),
    Scenario("refuses, then allows",
             (_prefer(BEFORE, training=False), _prefer(AFTER, again=True, training=True)), _YES),
    Scenario("refuses, then says nothing", (_prefer(BEFORE, training=False), _prefer(AFTER, again=True)), {}),
    Scenario("takes a refusal back", (_prefer(BEFORE, training=False), _withdraw(BETWEEN)), {}),
    Scenario("takes an intent back", (_intend(BEFORE, bulkDataset=False), _withdraw(AFTER, USER_INTENTS)), {}),
    Scenario("takes a refusal back and refuses again",
             (_prefer(BEFORE, embedding=False), _withdraw(BETWEEN), _prefer(AFTER, embedding=False)),
             {"embedding_allow": False}),
    Scenario("takes back a refusal of the year 9999",
             (_prefer_at(BEFORE, FUTURE, training=False), _withdraw(BETWEEN)), {}),
    Scenario("refuses, then writes what cannot be read",
             (_prefer(BEFORE, training=False),
              PlantedStatement(AFTER, AI_PREFERENCE, operation="update", record={"note": "x" * 9000})), _NO),
    Scenario("allows in one lexicon and refuses in the other",
             (_intend(BEFORE, syntheticContentGeneration=False), _prefer(AFTER, syntheticContent=True)),
             {"synthetic_content_allow": False}),
]  # fmt: skip
_SCOPED = [
    Scenario("refuses for posts", (_prefer(BEFORE, _POSTS_SCOPE, training=False),), _NO),
    Scenario("refuses for likes", (_prefer(BEFORE, _LIKES_SCOPE, training=False),), {}),
    Scenario("refuses, but not for posts",
             (_prefer(BEFORE, training=False), _prefer(BEFORE, _POSTS_SCOPE, training=True)), _YES),
    Scenario("allows, but not for posts",
             (_prefer(BEFORE, training=True), _prefer(AFTER, _POSTS_SCOPE, training=False)), _NO),
    Scenario("refuses for posts, and takes that back",
             (_prefer(BEFORE, training=True), _prefer(BEFORE, _POSTS_SCOPE, training=False),
              _withdraw(AFTER, key=_SCOPED_KEY)), _YES),
    Scenario("refuses for you", (_prefer(BEFORE, _ENTITY_SCOPE, training=False),), {}, _NO),
    Scenario("refuses, but not for you",
             (_prefer(BEFORE, training=False), _prefer(BEFORE, _ENTITY_SCOPE, training=True)), _NO, _YES),
    Scenario("refuses for somebody else", (_prefer(BEFORE, _OTHER_SCOPE, training=False),), {}),
    Scenario("refuses, but not for somebody else",
             (_prefer(BEFORE, training=False), _prefer(AFTER, _OTHER_SCOPE, training=True)), _NO),
    Scenario("refuses in a scope that nobody knows",
             (_prefer(BEFORE, _scope("regionScope", region="here"), training=False),), _NO),
]  # fmt: skip
_LABELS = [
    Scenario("hides from logged-out people", (_label(BEFORE, HIDE_FROM_LOGGED_OUT),), {"no_unauthenticated": True}),
    Scenario("hides after its posts", (_label(AFTER, "other", HIDE_FROM_LOGGED_OUT),), {"no_unauthenticated": True}),
    Scenario("hides no more", (_label(BEFORE, HIDE_FROM_LOGGED_OUT), _label(AFTER)), {}),
    Scenario("is a bot", (_label(BEFORE, BOT),), {"bot": True}),
]
_STATUS = [
    *(
        Scenario(f"is {status}", (_account(AFTER, status),), {"account_status": status})
        for status in ("deactivated", "suspended", "takendown", "deleted")
    ),
    Scenario("comes back", (_account(BEFORE, "deactivated"), _account(_SOON_AFTER, "active")), {}),
    Scenario("is taken down by mistake", (_account(BETWEEN, "takendown"), _account(AFTER, "active")), {}),
    Scenario(
        "comes back and leaves",
        (_account(BEFORE, "deactivated"), _account(_SOON_AFTER, "active"), _account(AFTER, "deleted")),
        {"account_status": "deleted"},
    ),
]
_POSTS = [
    Scenario("says nothing", (), {}),
    Scenario("deletes posts", (), {}, deletes_posts=True),
]
SCENARIOS: tuple[Scenario, ...] = (*_EACH_PURPOSE, *_CHANGED, *_SCOPED, *_LABELS, *_STATUS, *_POSTS)
