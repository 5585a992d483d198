"""What commands share: their options, and the way from them to an App."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from restaurant_os.errors import UsageError

Config = Annotated[
    Path | None, typer.Option("--config", help="The settings file; without it RESTAURANT_OS_CONFIG, then ./restaurant-os.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
FromDate = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First business date, included, as 2026-03-01.")]
ToDate = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last business date, included, as 2026-03-07.")]
Where = Annotated[str, typer.Option("--location", metavar="ALL|NAME|GUID", help="Which location.")]


def example(*lines: str) -> str:
    return "[dim]Example:[/dim]\n\n" + "\n\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def built(context: typer.Context, config: Path | None) -> Any:
    from restaurant_os.app import build_app
    from restaurant_os.settings import load

    return build_app(load(config or context.obj))


def span_of(first: str | None, last: str | None) -> Any:
    """The business dates named, as many as Toast may be asked at once; None when none are."""
    from restaurant_os.pipeline.plans import Span

    ends = ends_of(first, last)
    return Span(*ends) if ends else None


def ends_of(first: str | None, last: str | None) -> Any:
    from restaurant_os.businessday import iso_date

    if first is None and last is None:
        return None
    if first is None or last is None:
        raise UsageError("a span needs both ends.", next_step="Give --from DATE and --to DATE; for one day give it twice.")
    return iso_date(first, "--from"), iso_date(last, "--to")
