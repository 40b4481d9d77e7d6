"""What it means to forget an account: finding its id, removing its rows, and recognising it again without its id.

In: account ids (DIDs), Arrow tables, bytes. Out: the same tables without the rows of these accounts, without likes,
reposts, follows and blocks of them, and with references to them taken out of the rows of others; and counts of each.
Tombstones are keyed hashes of forgotten accounts, by which later runs leave them out.
"""
