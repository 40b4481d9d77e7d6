"""Let child processes of tests be stopped by Ctrl-C."""

import signal


def heed_signals() -> None:
    """Restore SIGINT in a child process, as a `preexec_fn`. A parent in the background may have it ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
