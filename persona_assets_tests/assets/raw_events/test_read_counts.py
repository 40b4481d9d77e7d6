from persona_assets.assets.raw_events.read_counts import ReadCounts


def test_counts_of_processes_are_added():
    one, other = ReadCounts(lines=2, other_days=3, cut_labels=1), ReadCounts(lines=4, cut_consents=5)

    one.add(other)

    assert (one.lines, one.other_days, one.cut_labels, one.cut_consents) == (6, 3, 1, 5)


def test_shares_of_nothing_are_zero():
    counts = ReadCounts()

    assert (counts.repeated_share, counts.out_of_order_share, counts.outside_day_share) == (0, 0, 0)


def test_the_rarest_kinds_are_counted_together():
    counts = ReadCounts()
    counts.kinds.update({("commit", f"a.b{number}", "create"): 1 + number for number in range(20_001)})
    total = counts.events

    counts.limit_kinds()

    assert counts.events == total
    assert len(counts.kinds) == 10_001
