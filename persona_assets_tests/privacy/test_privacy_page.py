"""The page says each verdict, requests nothing, and escapes what it is given."""

import base64
import hashlib
import re

import pytest

from persona_assets.privacy.audit import GateCounts
from persona_assets.privacy.findings import list_findings
from persona_assets.privacy.privacy_page import PageTitle, render_privacy_page
from persona_assets_tests.privacy.builders import MODEL, audit

TITLE = PageTitle("2027-01-01", "2027-01-07", 1234, ("chat", "threads", "dehydrated"))


def test_each_finding_is_on_the_page_with_its_verdict():
    found = audit(GateCounts(0, 3, 0))
    page = render_privacy_page(found, TITLE)

    for finding in list_findings(found):
        row = re.search(rf'<th scope="row">{re.escape(finding.name)}</th><td class="verdict ([a-z-]+)">', page)
        assert row
        assert row[1] == finding.verdict.replace(" ", "-")
    assert "Failed: Deleted records." in page
    assert "Do not publish" in page


def test_a_page_without_failures_does_not_say_anonymous():
    page = render_privacy_page(audit(), TITLE)

    assert "Failed:" not in page
    assert "does not make the data set anonymous" in page
    assert "1,234 lines of 4 users" in page


def test_the_page_has_no_script_and_requests_nothing():
    page = render_privacy_page(audit(), TITLE)

    assert not re.search(r"<script|<img|<link|@import|url\(|\son[a-z]+=|https?:", page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page
    assert "style=" not in page


def test_what_is_given_is_escaped():
    page = render_privacy_page(audit(), TITLE._replace(forms=("<script>alert(1)</script>",)))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_both_kinds_of_pseudonyms_are_compared_and_the_released_one_is_marked():
    page = render_privacy_page(audit(scope="release"), TITLE)

    assert "are the same in the whole release" in page
    assert page.count("all lines of a user (as made)") == 4
    assert "a line (as made)" not in page
    assert "Vectors were not compared" in page
    assert "Linkage was not measured" in render_privacy_page(audit(own={}), TITLE)


def test_vectors_are_compared_in_rows_of_their_own_and_their_model_is_named():
    page = render_privacy_page(audit(model=MODEL), TITLE)

    assert page.count("<td>mean vectors</td>") == 4
    assert "(a-model)" in page
    assert "Vectors were not compared" not in page


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_the_contrast_of_wcag_aa_in_light_and_dark(theme):
    rules = re.findall(r":root \{(.*?)\}", render_privacy_page(audit(), TITLE), re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", rules[theme]))

    for ground in ("ground", "panel", "mark"):
        for ink in ("ink", "ink2", "good", "bad"):
            dark, light = sorted([luminance(colours[ground]), luminance(colours[ink])])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink)
