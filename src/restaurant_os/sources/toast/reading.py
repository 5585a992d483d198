"""A window being read: what every dataset's read tells of itself (`pipeline.sync.Read`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from restaurant_os.batch import Window
from restaurant_os.settings import Location
from restaurant_os.sources.toast.client import ToastClient


@dataclass(slots=True)
class Reading:
    """One window being read. Iterate it for its batches; when they are through, the rest tells how it went."""

    client: ToastClient
    location: Location
    window: Window
    _began: datetime = field(init=False)
    pages: int = field(init=False, default=0)
    passes: int = field(init=False, default=0)
    #: The last pass brought nothing new; a list without pages is read at once.
    is_stable: bool = field(init=False, default=True)
    rejected: int = field(init=False, default=0)
    #: id and version of every record read.
    versions: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.client.http.clock.now()

    @property
    def started_at(self) -> datetime:
        """When the first request left, on the API's clock, by the best we know of it by now."""
        return self.client.http.served(self._began)
