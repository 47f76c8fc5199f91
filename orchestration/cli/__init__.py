"""The command `lmmrec`: which commands there are, and how they end.

Exit status 0 done, 1 failed with one sentence and the remedy, 2 wrong use, 130 interrupted, 143 terminated. Each command is
a module beside this one and is imported only when it is called, so that `--help` is instant.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from models.errors import LmmrecError
from orchestration.threads import wait_politely

_COMMANDS = {
    "run": "Make what is missing or stale of DATASET, up to recommendations and report.",
    "experiment": "Make the table of a paper: every method and control over several seeds, with tests.",
    "metrics": "Show the numbers in the warehouse.",
    "recommend": "Show the top items of one user.",
    "explain": "Show why an item suits a user.",
    "estimate": "Show calls, tokens and dollars of a run before it spends anything.",
    "report": "Show where the HTML report is, or open it.",
    "ui": "Start the Dagster UI and daemon on a persistent home.",
    "doctor": "Check this installation: versions, device, keys, disk, catalogue.",
}


class _LazyGroup(click.Group):
    """A group whose help needs no command to be imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"orchestration.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lmmrec")
def group() -> None:
    """Raw reviews to recommendations that know why people choose.

    Everything is written below LMMREC_HOME (default: .lmmrec in the current folder). First: lmmrec run demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    wait_politely()
    sys.exit(status_of(arguments))


def status_of(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what the user can mend ends as one sentence on stderr."""
    try:
        result: Any = group.main(args=None if arguments is None else list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except LmmrecError as error:
        return _fail(str(error), 1)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort) as stop:
        terminated = "Terminated" in (type(stop).__name__, type(stop.__cause__).__name__)  # click wraps it in Abort
        status = 143 if terminated else 130
        return _fail("stopped; what was complete is kept, nothing is half written.", status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _fail(sentence: str, status: int) -> int:
    from orchestration.terminal import safe

    click.echo(f"lmmrec: {safe(sentence)}", err=True)
    return status
