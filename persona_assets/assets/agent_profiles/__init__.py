"""The asset `agent_profiles`: agents for simulators of social media, derived from the users of a day's personas.

Inputs:
    clusters: `tables.CLUSTERS` of the day: which user is in which cluster.
    user_actions: `tables.USER_ACTIONS` of the window: how often and when users act, and whom they follow and answer.
    persona_phrases, persona_labels: Name, description and key phrases of each persona.
    consents: Who refuses what an agent is made for.

Output: a folder for each day.
    agents.parquet: `stored_tables.AGENTS`, one row per agent.
    agent_edges.parquet: `stored_tables.AGENT_EDGES`, who follows and who answers whom.
    oasis_twitter.csv, oasis_reddit.json, agentsociety.json, ysocial_agents.json, ysocial_config.json, concordia.json:
        The same agents in the files that these simulators load.
    README.md, stats.json: What the files are, and the numbers of agents and users.

No agent is a person: each is the mean of a group of users of one persona, of at least `PERSONA_MIN_USERS_PER_AGENT`.
Edges are drawn anew from numbers of edges between personas and the mean degrees of groups. No text of a post is in any
file, and no id. What the data does not say, such as age or gender, is "unknown" and never made up.
"""
