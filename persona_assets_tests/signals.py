"""What child processes of tests need to be stopped as people stop them."""

import signal


def heed_signals() -> None:
    """Have a child process end on Ctrl-C, which a parent in the background may have had it ignore: a `preexec_fn`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
