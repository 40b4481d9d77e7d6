"""Keep of each record and account the last state: what it said before has been replaced.

The last state is a maximum, by event time and then by revision. So the last states of several days are found from
those of each day, in any order, and however often a day is read.
"""

from persona_assets.consent.schemas import CONSENT_RECORDS

# A deletion comes before a record of the same time and revision, so that a tie does not take back a refusal. Several
# statements of one state all stay. Events of one instant that cannot be told apart are one state.
_ORDER = "event_time_us DESC, coalesce(rev, '') DESC, operation IS NOT DISTINCT FROM 'delete'"

_FIRST = ("user_id", "kind", "record", "purpose")
_SORT = (*_FIRST, *(name for name in CONSENT_RECORDS.names if name not in _FIRST))


def last_states_sql(table: str, *, where: str = "true") -> str:
    """Return a SQL query for the latest state of each record and account, sorted and without duplicates.

    Args:
        table: The name of a relation with the columns of `CONSENT_RECORDS`.
        where: A condition that rows of the relation must meet.
    """
    columns = ", ".join(CONSENT_RECORDS.names)
    return (
        f"SELECT DISTINCT {columns} FROM (SELECT *, rank() OVER (PARTITION BY user_id, kind, record ORDER BY {_ORDER}) "  # noqa: S608 - names of this project
        f"AS place FROM {table} WHERE {where}) WHERE place = 1 "
        f"ORDER BY {', '.join(f'{name} NULLS FIRST' for name in _SORT)}"
    )
