from collections import Counter

import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.consents.stale_days import UNREADABLE, StaleDay, find_stale_days
from persona_assets_tests.assets.consents.builders import store_users
from persona_assets_tests.consent.builders import consents

DAY = "2025-03-01"
SAID = consents(
    [
        {"user_id": "no training", "training_allow": False},
        {"user_id": "no embedding", "embedding_allow": False, "account_status": "deleted"},
        {"user_id": "yes", "embedding_allow": True},
        {"user_id": "deleted", "account_status": "deleted"},
    ]
)
EVERYBODY = ["no training", "no embedding", "yes", "deleted", "silent"]


def find(folder, undefined=None, *, said=SAID, with_accounts=False):
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return list(
        find_stale_days(
            said,
            undefined or {},
            filesystem=pafs.LocalFileSystem(),
            data=str(folder),
            with_accounts=with_accounts,
            memory_limit="200MB",
            scratch=scratch,
        )
    )


def test_nothing_stored_is_not_stale(tmp_path):
    assert find(tmp_path) == []
    store_users(tmp_path, "embeddings", DAY, [])
    store_users(tmp_path, "cluster_jsonl", DAY, ["yes", "silent"])
    assert find(tmp_path) == []


@pytest.mark.parametrize(
    ("asset", "reason"),
    [
        ("embeddings", "refuses embedding"),
        ("clusters", "refuses embedding"),
        ("user_assignments", "refuses embedding"),
        ("cluster_jsonl", "refuses training"),
    ],
)
def test_each_asset_is_held_against_its_own_purposes(tmp_path, asset, reason):
    store_users(tmp_path, asset, DAY, EVERYBODY)

    (found,) = find(tmp_path)

    assert found == StaleDay(asset, DAY, Counter({reason: 1}), Counter(), 0)


def test_accounts_that_are_gone_are_counted_with_their_share_and_a_refusal_comes_first(tmp_path):
    store_users(tmp_path, "embeddings", DAY, [*EVERYBODY, "deleted", "paused"])
    store_users(tmp_path, "embeddings", "2025-03-02", ["yes"])
    said = consents(
        [*SAID.to_pylist(), {"user_id": "paused", "account_status": "deactivated"}, {"user_id": "elsewhere"}]
    )

    (found,) = find(tmp_path, said=said, with_accounts=True)

    gone = Counter({"account deleted": 1, "account deactivated": 1})
    assert found == StaleDay("embeddings", DAY, Counter({"refuses embedding": 1}), gone, 2 / 6)


def test_accounts_of_several_row_groups_count_once(tmp_path):
    store_users(tmp_path, "embeddings", DAY, EVERYBODY)
    file = tmp_path / "embeddings" / f"{DAY}.parquet"
    pq.write_table(pq.read_table(file, partitioning=None).take([1, 2, 1, 1]), file, row_group_size=1)

    assert find(tmp_path) == [StaleDay("embeddings", DAY, Counter({"refuses embedding": 1}), Counter(), 0)]


def test_nothing_is_read_for_an_asset_that_nobody_refuses(tmp_path):
    store_users(tmp_path, "embeddings", DAY, [])
    (tmp_path / "embeddings" / f"{DAY}.parquet").write_bytes(b"PAR1")
    nobody = consents([{"user_id": "deleted", "account_status": "deleted"}])

    assert find(tmp_path, said=nobody) == []
    assert find(tmp_path, said=nobody, with_accounts=True)[0].refusing == {UNREADABLE: 1}


def test_silence_is_stale_where_it_means_deny(tmp_path):
    store_users(tmp_path, "embeddings", DAY, EVERYBODY)

    (found,) = find(tmp_path, {"embedding": "deny"})

    assert found.refusing == {"refuses embedding": 1, "does not say that it allows embedding": 3}


def test_damaged_days_are_listed_and_do_not_end_the_search(tmp_path):
    for asset in ("embeddings", "cluster_jsonl"):
        store_users(tmp_path, asset, DAY, [])
    (tmp_path / "embeddings" / f"{DAY}.parquet").write_bytes(b"PAR1")
    (tmp_path / "cluster_jsonl" / DAY / "user_clusters.json").write_text("{")
    store_users(tmp_path, "embeddings", "2025-03-02", ["no embedding"])

    assert [(found.asset, found.day, dict(found.refusing)) for found in find(tmp_path)] == [
        ("embeddings", "2025-03-02", {"refuses embedding": 1}),
        ("embeddings", DAY, {UNREADABLE: 1}),
        ("cluster_jsonl", DAY, {UNREADABLE: 1}),
    ]
