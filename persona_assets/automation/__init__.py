"""Jobs, a schedule, a sensor, and the queue of runs."""
