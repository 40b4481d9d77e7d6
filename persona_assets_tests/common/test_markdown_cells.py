"""Markup in a name ends neither its cell nor its row."""

from persona_assets.common.markdown_cells import escape_cell


def test_markup_is_escaped_and_line_ends_are_spaces():
    assert escape_cell("a|b\n<c> [d](e) *f* g.h") == r"a\|b \<c\> \[d\]\(e\) \*f\* g.h"
