"""`lmmrec ui`: Dagster's web server and daemon on the persistent home, until Ctrl-C."""

from __future__ import annotations

import click


@click.command("ui", short_help="Start the Dagster UI and daemon on a persistent home.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; the UI asks for no password."
)
def command(port: int, host: str) -> int:
    """Start the Dagster UI and daemon; the history below LMMREC_HOME survives a restart."""
    from assets.settings import home_directory
    from orchestration.services import serve

    return serve(home_directory(), host, port, say=lambda line: click.echo(line, err=True))
