"""Executors, which run the steps of a run. `PERSONA_EXECUTOR` chooses one for the machine."""
