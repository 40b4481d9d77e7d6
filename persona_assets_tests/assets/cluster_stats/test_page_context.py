"""What the page shows beside `stats.json`."""

from persona_assets.assets.cluster_stats.page_context import PageContext
from persona_assets.assets.cluster_stats.typical_threads import Message
from persona_assets_tests.assets.cluster_stats.test_html_report import page_of


def test_a_page_without_context_has_no_news_and_no_threads():
    page = page_of(2)

    assert 'id="new"' not in page
    assert "A typical thread</summary>" not in page


def test_threads_and_the_day_that_the_map_begins_with_are_on_the_page():
    thread = [Message("A", is_member=True, text="<b>hi</b>"), Message("B", is_member=False, text="yes")]

    page = page_of(2, context=PageContext(threads=[thread] * 2, map_begins_with="2025-03-02"))

    assert page.count("A typical thread</summary>") == 2
    assert "&lt;b&gt;hi" in page
    assert "begins with the positions of: 2025-03-02" in page
