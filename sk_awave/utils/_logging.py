"""The logger of the package."""

import logging
import sys


class FallbackHandler(logging.StreamHandler):
    """Writes to the standard error where nobody has configured logging.

    `logging` itself would drop all that is less than a warning, and whoever sets
    `verbose` wants to read it. The handlers of users, once there are any, are left alone.
    """

    def __init__(self):
        logging.Handler.__init__(self)  # the stream is that of the moment

    @property
    def stream(self):
        """The standard error, which may be replaced at any time."""
        return sys.stderr

    def filter(self, record):
        """Let records pass if no other handler will see them."""
        logger = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return super().filter(record)


LOGGER = logging.getLogger("sk_awave")
LOGGER.addHandler(FallbackHandler())
if LOGGER.level == logging.NOTSET:
    LOGGER.setLevel(logging.INFO)  # nothing is logged unless `verbose` asks for it
