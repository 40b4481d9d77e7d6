"""What runs the steps of a run: chosen once a machine, by `PERSONA_EXECUTOR`."""
