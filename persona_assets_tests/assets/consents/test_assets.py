"""The asset `consents` in a graph: days in any order, side by side, missing and stale."""

import itertools
import json

import dagster as dg
import pytest

from persona_assets.assets.consents import assets as consents_assets
from persona_assets.consent.purposes import PURPOSES
from persona_assets.errors import MissingPartitionError, StorageError
from persona_assets_tests.assets.consents.builders import Graph, store_posts, store_users
from persona_assets_tests.consent.builders import ALICE, BOB, account, label, said, withdrawn

CAROL = "did:plc:carol"
STATEMENTS = {
    "2025-03-01": [said("training", allow=False, at=1), account("deactivated", at=1), label(user_id=CAROL)],
    "2025-03-02": [said("embedding", allow=False, at=2, key="3k"), account("active", at=2), withdrawn(key="3w")],
    "2025-03-03": [
        said("training", allow=True, at=3),
        said("training", allow=False, at=3, scope="entity", scope_value="other.example", user_id=BOB),
        account("takendown", at=3, user_id=BOB),
    ],
}
EXPECTED = {
    ALICE: {
        "training_allow": True,
        "training_record": "at://alice/ai_preference/self",
        "training_time_us": 3,
        "embedding_record": "at://alice/ai_preference/3k",
        "embedding_time_us": 2,
        "account_status": "active",
        "account_time_us": 2,
    },
    BOB: {"account_status": "takendown", "account_time_us": 3},
}


@pytest.fixture
def graph(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(tmp_path / "data", STATEMENTS, instance)


def records(metadata, name):
    return [tuple(record.data.values()) for record in metadata[name].records]


@pytest.mark.parametrize("order", list(itertools.permutations(STATEMENTS)))
def test_the_order_in_which_days_are_made_does_not_matter(graph, order):
    for day in order:
        graph.store(day)
        graph.resolve()

    assert graph.rows() == EXPECTED


def test_days_made_in_any_order_give_the_same_bytes(graph, tmp_path):
    graph.store(*STATEMENTS)
    graph.resolve()
    with dg.DagsterInstance.ephemeral() as instance:
        other = Graph(tmp_path / "other", STATEMENTS, instance)
        for day in reversed(STATEMENTS):
            other.store(day)
            other.resolve()

    assert (graph.folder / "consents.parquet").read_bytes() == (other.folder / "consents.parquet").read_bytes()


def test_a_day_that_another_run_stores_meanwhile_is_not_lost(graph, monkeypatch):
    """The other run stores its day and its own table after this one has read the days, and before it writes."""
    graph.store("2025-03-01")
    resolve = consents_assets.resolve_statements
    counts = []

    def resolve_while_others_store(dataset, **options):
        resolved = resolve(dataset, **options)
        counts.append(len(dataset.files))
        if len(counts) == 1:
            graph.store("2025-03-02", "2025-03-03")
        return resolved

    monkeypatch.setattr(consents_assets, "resolve_statements", resolve_while_others_store)
    graph.resolve()

    assert counts == [1, 3]
    assert graph.rows() == EXPECTED


def test_a_day_that_is_made_again_meanwhile_is_not_lost(graph, monkeypatch):
    graph.store(*STATEMENTS)
    resolve, again = (
        consents_assets.resolve_statements,
        {"2025-03-01": [said("archive", allow=True, at=9, user_id=CAROL)]},
    )
    others = Graph(graph.folder, again, graph.instance)
    remake = iter([lambda: others.store("2025-03-01")])

    def resolve_while_a_day_is_made_again(dataset, **options):
        resolved = resolve(dataset, **options)
        next(remake, lambda: None)()
        return resolved

    monkeypatch.setattr(consents_assets, "resolve_statements", resolve_while_a_day_is_made_again)
    graph.resolve()

    assert graph.rows()[CAROL]["archive_allow"] is True


def test_metadata_counts_accounts_by_purpose_status_and_kind_and_names_none(graph):
    graph.store(*STATEMENTS)

    metadata, checks = graph.resolve()

    purposes = {purpose: counts for purpose, *counts in records(metadata, "purposes")}
    assert list(purposes) == list(PURPOSES)
    assert purposes["training"] == [1, 0, 1]
    assert purposes["embedding"] == [0, 1, 1]
    assert purposes["archive"] == [0, 0, 2]
    assert dict(records(metadata, "accounts")) == {"active": 1, "takendown": 1}
    assert dict(records(metadata, "kinds")) == {"ai_preference": 4, "account_status": 2}
    assert records(metadata, "not_binding") == [("refuses, for another entity", 1)]
    assert (metadata["withdrawn"].value, metadata["neutral"].value, metadata["days"].value) == (1, 2, 3)
    left_out = {(output, reason): accounts for output, reason, accounts in records(metadata, "left_out")}
    assert left_out["embeddings", "refuses embedding"] == left_out["release", "account taken down"] == 1
    assert "did:plc" not in json.dumps({name: str(value) for name, value in metadata.items()})
    assert checks == {"every_stored_day_has_consent_records": True, "stored_days_leave_out_who_refuses": True}


@pytest.fixture
def graph_with(tmp_path, monkeypatch):
    """Build a graph whose run configs have these settings as defaults."""
    with dg.DagsterInstance.ephemeral() as instance:

        def build(days, **settings):
            for name, value in settings.items():
                monkeypatch.setenv(f"PERSONA_{name}", value)
            return Graph(tmp_path / "with settings", days, instance)

        yield build


def test_an_entity_of_the_settings_makes_statements_about_it_count(graph_with):
    graph = graph_with(STATEMENTS, CONSENT_ENTITY="did:plc:us, Other.example")
    graph.store(*STATEMENTS)

    metadata, _ = graph.resolve()

    assert graph.rows()[BOB]["training_record"]
    assert records(metadata, "not_binding") == []


def test_silence_counts_as_the_settings_say(graph_with):
    day = {"2025-03-01": [said("training", allow=True), said("archive", allow=True, key="3k", user_id=BOB)]}
    graph = graph_with(day, CONSENT_TRAINING="deny", CONSENT_RELEASE="deny")
    graph.store(*day)

    metadata, _ = graph.resolve()

    assert records(metadata, "left_out") == [
        ("cluster_jsonl", "does not say that it allows training", 1),
        ("agent_profiles", "does not say that it allows training", 1),
        ("release", "does not say that it allows synthetic_content", 1),
        ("release", "does not say that it allows training", 1),
    ]


def test_a_day_without_statements_is_named(graph):
    graph.store("2025-03-01", "2025-03-03")
    for day in ("2025-03-01", "2025-03-02", "2025-03-03"):
        store_users(graph.folder, "raw_events", day, [])

    metadata, checks = graph.resolve()

    assert checks["every_stored_day_has_consent_records"] is False
    assert metadata["days"].value == 2


def test_stored_days_with_accounts_that_refuse_are_listed_and_those_made_again_are_not(graph):
    graph.store(*STATEMENTS)
    store_users(graph.folder, "embeddings", "2025-03-01", [ALICE, ALICE, CAROL])
    store_users(graph.folder, "embeddings", "2025-03-02", [CAROL])
    store_users(graph.folder, "clusters", "2025-03-01", [ALICE])

    metadata, checks = graph.resolve()

    assert checks["stored_days_leave_out_who_refuses"] is False
    assert records(metadata, "stale_days") == [
        ("embeddings", "2025-03-01", "refuses embedding", 1, 0),
        ("clusters", "2025-03-01", "refuses embedding", 1, 0),
    ]

    store_users(graph.folder, "embeddings", "2025-03-01", [CAROL])
    store_users(graph.folder, "clusters", "2025-03-01", [])
    metadata, checks = graph.resolve()

    assert records(metadata, "stale_days") == []
    assert checks["stored_days_leave_out_who_refuses"] is True


OTHERS = [f"did:plc:other{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("settings", "listed", "passes"),
    [
        ({}, True, False),
        ({"MAX_DELETED_SHARE": "0.1"}, True, True),
        ({"DELETIONS": "keep"}, False, True),
    ],
)
def test_an_account_that_is_gone_is_listed_and_fails_above_a_share(graph_with, settings, listed, passes):
    graph = graph_with(STATEMENTS, **settings)
    graph.store(*STATEMENTS)
    store_users(graph.folder, "clusters", "2025-03-01", [BOB, *OTHERS])

    metadata, checks = graph.resolve()

    assert (("clusters", "2025-03-01", "account taken down", 1, 0) in records(metadata, "stale_days")) is listed
    assert checks["stored_days_leave_out_who_refuses"] is passes


def test_posts_that_were_deleted_after_their_day_was_made_are_listed(graph):
    graph.store(*STATEMENTS)
    post = f"at://{CAROL}/app.bsky.feed.post/1"
    store_posts(graph.folder, "embeddings", "2025-03-01", [post])
    store_posts(graph.folder, "deleted_posts", "2025-03-02", [post])

    metadata, checks = graph.resolve()

    assert records(metadata, "stale_days") == [("embeddings", "2025-03-01", "deleted by its author", 0, 1)]
    assert checks["stored_days_leave_out_who_refuses"] is False


def test_without_any_day_the_error_says_what_to_run(graph):
    with pytest.raises(MissingPartitionError, match="dg launch --assets consent_records"):
        graph.resolve()


def test_a_damaged_day_is_named(graph):
    graph.store(*STATEMENTS)
    file = graph.folder / "consent_records" / "2025-03-02.parquet"
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)

    with pytest.raises(StorageError, match="2025-03-02"):
        graph.resolve()
