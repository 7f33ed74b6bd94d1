"""The handler that shows messages where nobody has configured logging."""

import subprocess
import sys

import pytest

TO_STDOUT = "logging.StreamHandler(sys.stdout)"


def run(configure=""):
    """Return standard output and error of a message, in a process of its own."""
    code = f"import logging, sys\n{configure}\n"
    code += "from sk_awave.utils._logging import LOGGER; LOGGER.info('%s!', 'Hello')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout, done.stderr


def test_messages_are_shown_without_any_configuration():
    assert run() == ("", "Hello!\n")


@pytest.mark.parametrize(
    "configure",
    [
        f"logging.basicConfig(handlers=[{TO_STDOUT}])",  # whose level is WARNING
        f"logging.getLogger('sk_awave').addHandler({TO_STDOUT})",
    ],
)
def test_handlers_of_the_user_are_the_only_ones(configure):
    out, err = run(configure)
    assert out.splitlines() in (["Hello!"], ["INFO:sk_awave:Hello!"])
    assert err == ""


def test_the_user_may_turn_messages_off():
    assert run("logging.getLogger('sk_awave').setLevel(logging.WARNING)") == ("", "")
