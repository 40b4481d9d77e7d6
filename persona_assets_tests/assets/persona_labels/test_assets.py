"""The asset `persona_labels`: names over all days, with and without an endpoint."""

import datetime as dt
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.persona_labels.assets import are_names_unique, build_persona_labels
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS
from persona_assets.assets.persona_phrases.stored_tables import PERSONA_PHRASES
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets_tests.checked import find_failed

DAYS = daily_partitions(dt.date(2025, 3, 1), dt.date(2025, 3, 2))
PHRASES = {
    "2025-03-01": (["sourdough", "crust"], ["rook endgame", "pawn"]),
    "2025-03-02": (["knight", "pawn"], ["oven", "crust"]),
}
# The persona of each cluster: on the second day the larger one is the other.
PERSONAS = {"2025-03-01": (0, 1), "2025-03-02": (1, 0)}


def phrases_of(day):
    rows = [
        {
            "cluster_id": cluster,
            "users": 9 - cluster,
            "name": " · ".join(phrases),
            "phrases": phrases,
            "description": ".",
        }
        for cluster, phrases in enumerate(PHRASES[day])
    ]
    return pa.Table.from_pylist(rows, schema=PERSONA_PHRASES)


def history_of(days):
    rows = [
        {
            "day": dt.date.fromisoformat(day), "persona_id": persona, "cluster_id": cluster, "users": 9 - cluster,
            "event": "born" if day == "2025-03-01" else "continued",
        }
        for day in days for cluster, persona in enumerate(PERSONAS[day])
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=tables.LINEAGE)


@pytest.fixture
def name(tmp_path, monkeypatch):
    """Materialize the phrases of both days, the lineage of some, and the names; return the result and the names."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))

    def run(traced=tuple(PHRASES), *, days=tuple(PHRASES), instance=None):
        @dg.asset(partitions_def=DAYS)
        def persona_phrases(context):
            return phrases_of(context.partition_key)

        @dg.asset
        def lineage():
            return history_of(traced)

        resources = {"io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch()}
        for day in days:
            assert dg.materialize([persona_phrases], partition_key=day, resources=resources).success
        result = dg.materialize(
            [lineage, persona_phrases, build_persona_labels()],
            selection=["lineage", "persona_labels"],
            resources=resources,
            instance=instance,
        )
        return result, pq.read_table(tmp_path / "persona_labels.parquet").to_pylist()

    return run


def test_a_name_goes_with_its_persona_and_not_with_the_number_of_the_cluster(name):
    result, rows = name()

    assert [(row["day"].day, row["cluster_id"], row["persona_id"], row["name"]) for row in rows] == [
        (1, 0, 0, "sourdough · crust"),
        (1, 1, 1, "rook endgame · pawn"),
        (2, 0, 1, "rook endgame · pawn"),
        (2, 1, 0, "sourdough · crust"),
    ]
    assert rows[2]["phrases"] == ["knight", "pawn"]
    assert set(find_failed(result.get_asset_check_evaluations())) == set()


def test_a_day_that_is_not_traced_has_names_of_its_own_and_a_warning(name):
    result, rows = name(traced=["2025-03-01"])

    assert [(row["persona_id"], row["name"]) for row in rows[2:]] == [(None, "knight · pawn"), (None, "oven · crust")]
    assert set(find_failed(result.get_asset_check_evaluations())) == {"lineage_knows_every_day"}
    (event,) = result.asset_materializations_for_node("persona_labels")
    assert event.metadata["untraced_days"].value == "2025-03-02"


def test_a_new_day_leaves_the_data_version_so_that_reports_of_earlier_days_are_not_stale(name):
    first, both = ["2025-03-01"], list(PHRASES)
    with dg.DagsterInstance.ephemeral() as instance:
        results = [
            name(first, days=first, instance=instance),
            name(both, instance=instance),
            name(first, instance=instance),
        ]

    versions = [
        result.asset_materializations_for_node("persona_labels")[0].tags["dagster/data_version"]
        for result, _ in results
    ]
    assert versions[0] == versions[1]
    assert versions[1] != versions[2]  # the second day has lost its numbers


class Handler(BaseHTTPRequestHandler):
    """Answers with the first phrase in capitals; for "pawn" with nonsense."""

    asked: ClassVar[list] = []

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers.get("Authorization"), request))
        sent = json.loads(request["messages"][-1]["content"])
        answer = {"name": sent["phrases"][0].upper(), "description": "About it."}
        content = "nonsense" if "pawn" in sent["phrases"] else json.dumps(answer)
        body = json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {"URL": f"http://127.0.0.1:{server.server_address[1]}/v1", "MODEL": "namer", "KEY": "secret-key"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PERSONA_LABEL_{name}", value)
    yield Handler
    server.shutdown()
    server.server_close()


def test_an_endpoint_names_a_persona_once_and_what_it_does_not_name_keeps_its_phrases(name, endpoint, caplog):
    result, rows = name()

    assert [(row["name"], row["method"]) for row in rows[:2]] == [
        ("SOURDOUGH", "endpoint"),
        ("rook endgame · pawn", "phrases"),
    ]
    assert [row["name"] for row in rows[2:]] == ["rook endgame · pawn", "SOURDOUGH"]
    assert set(find_failed(result.get_asset_check_evaluations())) == {"the_endpoint_named_all"}
    assert {key for key, _ in endpoint.asked} == {"Bearer secret-key"}
    asked = len(endpoint.asked)
    name()
    assert all("pawn" in request["messages"][-1]["content"] for _, request in endpoint.asked[asked:])
    said = caplog.text + json.dumps(
        [str(event.metadata) for event in result.asset_materializations_for_node("persona_labels")]
    )
    assert not [word for word in ("secret-key", "sourdough", "SOURDOUGH", "pawn") if word in said]


def test_an_endpoint_without_a_model_is_refused(name, monkeypatch):
    monkeypatch.setenv("PERSONA_LABEL_URL", "http://127.0.0.1:9/v1")

    with pytest.raises(Exception, match="PERSONA_LABEL_MODEL is not: name the endpoint"):
        name()


@pytest.mark.parametrize(
    ("rows", "unique"),
    [
        ([(1, 0, 0, "a"), (1, 1, 1, "b"), (2, 0, 0, "a")], True),
        ([(1, 0, 0, "a"), (2, 0, 1, "a")], False),
        ([(1, 0, None, "a"), (2, 0, None, "a")], True),
        ([(1, 0, None, "a"), (1, 1, None, "a")], False),
        ([], True),
    ],
)
def test_names_that_two_personas_have_are_noticed(rows, unique):
    names = [
        {
            "day": dt.date(2025, 3, day), "cluster_id": cluster, "persona_id": persona, "name": text, "description": "",
            "phrases": [], "named_on": dt.date(2025, 3, 1), "method": "phrases", "users": 1,
        }
        for day, cluster, persona, text in rows
    ]  # fmt: skip

    assert are_names_unique(pa.Table.from_pylist(names, schema=PERSONA_LABELS)) == unique


def test_a_damaged_table_is_replaced(name, tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        _, rows = name(instance=instance)
        (tmp_path / "persona_labels.parquet").write_bytes(b"PAR1 and nothing else")

        result, again = name(instance=instance)

    assert result.success
    assert again == rows
