import duckdb
import pyarrow as pa

from persona_assets.consent.last_states import last_states_sql
from persona_assets.consent.schemas import CONSENT_RECORDS
from persona_assets_tests.consent.builders import ALICE, BOB, account, said, withdrawn


def last_states(rows, **options):
    statements = pa.Table.from_pylist(rows, schema=CONSENT_RECORDS)
    with duckdb.connect() as con:
        con.register("statements", statements)
        return con.sql(last_states_sql("statements", **options)).to_arrow_table().to_pylist()


def test_the_last_states_of_parts_give_those_of_the_whole():
    rows = [said("training", allow=n % 2 == 0, at=n % 5, rev=f"{n % 3}", user_id=ALICE) for n in range(12)]
    rows += [withdrawn(at=n) for n in range(3)] + [account("active", at=n) for n in range(3)]

    whole = last_states(rows)

    assert last_states([*last_states(rows[::2]), *last_states(rows[1::2])]) == whole
    assert last_states([*whole, *rows]) == whole


def test_a_condition_leaves_rows_out():
    rows = [account("active"), account("deleted", user_id=BOB)]

    assert [row["user_id"] for row in last_states(rows, where="account_status = 'deleted'")] == [BOB]
