from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personal_data.kinds import KINDS, PLACEHOLDERS, Span, merge_spans

SPANS = st.lists(
    st.builds(
        lambda start, length, kind: Span(start, start + length, kind),
        st.integers(0, 30),
        st.integers(1, 9),
        st.sampled_from(KINDS),
    ),
    max_size=12,
)


@given(SPANS)
def test_merged_spans_cover_the_same_characters_without_overlap(spans):
    merged = merge_spans(spans)

    assert [at for span in merged for at in range(span.start, span.end)] == sorted(
        {at for span in spans for at in range(span.start, span.end)}
    )
    assert all(span.kind in {one.kind for one in spans} for span in merged)


def test_the_first_of_overlapping_spans_gives_the_kind():
    assert merge_spans([Span(4, 9, "url"), Span(0, 5, "email"), Span(9, 10, "ip")]) == [
        Span(0, 9, "url"),
        Span(9, 10, "ip"),
    ]
    assert merge_spans([Span(0, 5, "email"), Span(4, 9, "url"), Span(8, 12, "ip")]) == [Span(0, 12, "email")]


def test_each_kind_has_a_placeholder_of_its_own():
    assert set(PLACEHOLDERS) == set(KINDS)
    assert len(set(PLACEHOLDERS.values())) == len(KINDS)
