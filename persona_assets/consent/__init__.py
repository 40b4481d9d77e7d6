"""What accounts allow their data to be used for, and which accounts that keeps out of which output.

In: statements of accounts (`CONSENT_RECORDS`): records of `community.lexicon.preference.ai` and of
`org.user-intents.declaration`, self-labels of profiles, and account events. Out: `CONSENTS`, one row per account with
what holds now, and the accounts that an output must leave out. The order in which statements are read does not matter.
"""
