"""Decision records have the required parts, and are all in their index."""

import datetime as dt
import re
from pathlib import Path

import pytest

ADR = Path(__file__).parents[1] / "docs" / "adr"
RECORDS = sorted(page for page in ADR.glob("*.md") if page.name != "index.md")
HEADINGS = ["Context", "Decision", "Consequences"]
FIRST_LINES = re.compile(
    r"# (?P<number>\d{4})\. (?P<title>.+)\n\n- Date: (?P<date>\d{4}-\d\d-\d\d)\n"
    r"- Status: (?P<status>accepted|superseded by (?P<successor>\d{4}))\n\n"
)


def find_faults(name: str, text: str) -> list[str]:
    """Return the faults of a record, such as missing parts."""
    first = FIRST_LINES.match(text)
    if first is None:
        return ["does not begin with number, title, date and status"]
    faults = [] if name.startswith(f"{first['number']}-") else ["has another number in its name"]
    try:
        dt.date.fromisoformat(first["date"])
    except ValueError:
        faults.append("has a date that is none")
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    if sections[1::2] != HEADINGS:
        faults.append(f"has the headings {sections[1::2]}")
    faults += [f"says nothing under {heading}" for heading, body in _pairs(sections) if not body.strip()]
    if not re.search(r"^- The price\b", text, flags=re.MULTILINE):
        faults.append("names no price")
    return faults


def _pairs(sections: list[str]) -> list[tuple[str, str]]:
    return list(zip(sections[1::2], sections[2::2], strict=True))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_number_date_status_headings_and_a_price(record):
    assert find_faults(record.name, record.read_text(encoding="utf-8")) == []


def test_numbers_are_unique_and_without_gaps():
    assert [record.name[:4] for record in RECORDS] == [f"{number:04d}" for number in range(1, len(RECORDS) + 1)]


def test_each_record_is_in_the_list_with_its_title_and_date_and_in_the_toctree():
    index = (ADR / "index.md").read_text(encoding="utf-8")
    first_lines = {record: FIRST_LINES.match(record.read_text(encoding="utf-8")) for record in RECORDS}
    rows = [
        f"| {first['number']} | [{first['title']}]({record.name}) | {first['date']} |"
        for record, first in first_lines.items()
    ]

    assert [row for row in rows if row not in index.splitlines()] == []
    assert len(re.findall(r"^\| \d{4} \|", index, flags=re.MULTILINE)) == len(RECORDS)
    assert re.findall(r"^\d{4}-[\w-]+$", index, flags=re.MULTILINE) == [record.stem for record in RECORDS]


def test_a_record_that_is_superseded_names_a_later_one():
    successors = {
        record.name[:4]: first["successor"]
        for record in RECORDS
        if (first := FIRST_LINES.match(record.read_text(encoding="utf-8"))) and first["successor"]
    }

    assert {old: new for old, new in successors.items() if new <= old or int(new) > len(RECORDS)} == {}


GOOD = """# 0007. A title

- Date: 2026-11-22
- Status: accepted

## Context

Text.

## Decision

Text.

## Consequences

- The price: text.
"""


def test_a_whole_record_has_no_faults():
    assert find_faults("0007-a-title.md", GOOD) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("0008-a-title.md", "", ""),
        ("0007-a-title.md", "2026-11-22", "2026-11-31"),
        ("0007-a-title.md", "2026-11-22", "today"),
        ("0007-a-title.md", "accepted", "proposed"),
        ("0007-a-title.md", "## Context", "## Reasons"),
        ("0007-a-title.md", "## Decision\n\nText.", "## Decision\n"),
        ("0007-a-title.md", "- The price: text.", "- Text."),
    ],
)
def test_a_fault_of_a_record_is_noticed(name, old, new):
    assert find_faults(name, GOOD.replace(old, new)) != []
