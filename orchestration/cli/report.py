"""`lmmrec report`: where the HTML report is."""

from __future__ import annotations

import click


@click.command("report", short_help="Show where the HTML report is, or open it.")
@click.option("--open", "in_browser", is_flag=True, help="Open it in the browser.")
def command(in_browser: bool) -> None:
    """Print the path of the HTML report; with --open, show it in the browser."""
    import webbrowser

    from assets.settings import home_directory
    from models.errors import LmmrecError

    path = home_directory() / "reports" / "report.html"
    if not path.exists():
        raise LmmrecError(f"there is no report at {path} yet: make one with `lmmrec run demo`.")
    click.echo(path)
    if in_browser and not webbrowser.open(path.as_uri()):
        raise LmmrecError(f"no browser could be started: open {path} yourself.")
