"""The asset `consents`: what each account allows now, by purpose, from the statements of all stored days.

Reads `consent_records` of all stored days, whatever their order. Writes one row per account with a statement. Scopes
are resolved for posts and for the entity of the settings; a deleted record takes its statements back.
"""
