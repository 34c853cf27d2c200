# Made from smalti/ground/workers.md by make tangle; edit that.
"""What a process of a pool does before its first task; explained in workers.md."""

import multiprocessing
import os
import signal
import threading
import warnings


def prepare_worker() -> None:
    """Leave Ctrl-C and warnings to the main process, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    threading.Thread(target=follow_parent, daemon=True).start()


def follow_parent() -> None:
    """Wait for the main process to end; then end at once."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
