import datetime as dt
import hashlib
import io
import json

from persona_assets.forgetting.proof import FileChange, digest_file, format_proof_time
from persona_assets_tests.forgetting.builders import make_proof


def test_each_change_is_in_the_file_before_it_is_made(tmp_path):
    proof = make_proof(tmp_path)

    proof.add(FileChange("a.parquet", "rows removed", 3, 2, own=1), FileChange("b", "deleted"))

    written = json.loads(proof.path.read_bytes())
    assert proof.path.parent == tmp_path / "forgotten" / "proofs"
    assert ":" not in proof.path.name
    assert written["is_complete"] is False
    assert [(change["file"], change["rows_before"]) for change in written["changes"]] == [("a.parquet", 3), ("b", None)]


def test_times_are_utc_to_the_microsecond():
    assert format_proof_time(dt.datetime(2025, 3, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))) == (
        "2025-03-01T00:00:00.000000Z"
    )


def test_a_digest_is_of_the_whole_file():
    file = io.BytesIO(b"abc" * 1_000_000)
    file.seek(5)

    assert digest_file(file) == hashlib.sha256(file.getvalue()).hexdigest()
