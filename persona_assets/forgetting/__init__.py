"""Removes accounts from everything that is stored below PERSONA_DATA.

In: account ids. Out: the same files without the accounts, a proof of what was changed, and tombstones, by which later
runs of `raw_events` leave the accounts out. Tables and personas' files are edited; reports and other folders of a day
that the accounts may be part of are deleted, so that they are made again. Files without the accounts are not touched.
"""
