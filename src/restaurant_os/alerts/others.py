"""Every other channel, by Apprise. It says only whether a message left, to all or not to all, and gives no id."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from restaurant_os.alerting import Delivery
from restaurant_os.alerts.escaping import clean, fitted, link_of, listed, plain, told, units
from restaurant_os.errors import InDoubtError, RequestError, SettingsError

if TYPE_CHECKING:
    from apprise import NotifyBase

PAUSE_SECONDS = 1.2
MOST_TITLE, MOST_BODY = 200, 3500
TYPES = {"alert": "warning", "good": "success", "note": "info"}


def text_of(delivery: Delivery, limit: int = MOST_BODY) -> str:
    """A message as plain text, in `limit` UTF-16 units at most: what matters first."""
    message = delivery.message
    parts = [clean(told(delivery)), "\n".join(f"{label}: {value}" for label, value in message.fields)]
    parts += [f"{heading}:\n{listed(lines, MOST_BODY, lambda text, at: text[at], '- ')}" for heading, lines in message.lists]
    parts += [message.suggestion, message.footer]
    link = link_of(delivery)
    room = limit - units(link) - 2 if link and units(link) < limit // 2 else limit
    text = fitted("\n\n".join(part.strip() for part in parts if part.strip()), room, plain)
    return f"{text}\n\n{link}" if room < limit else text


class AppriseSender:
    """Sends to one Apprise address.

    Raises (when made):
        SettingsError: Apprise is not installed, or cannot read the address.
    """

    def __init__(self, channel: str, url: str) -> None:
        self._channel = channel
        self._service = _service(channel, url)
        self.pause = PAUSE_SECONDS

    def send(self, delivery: Delivery) -> str:
        most_title = min(self._service.title_maxlen or MOST_TITLE, MOST_TITLE)
        title = fitted(delivery.message.title.replace("\n", " "), most_title, plain) or "-"
        own = units(title) + 4 if not self._service.title_maxlen else 0
        body = text_of(delivery, max(min(self._service.body_maxlen, MOST_BODY) - own, 40))
        if not self._send(title, body or "-", TYPES[delivery.message.level]):
            raise InDoubtError(
                f"{self._channel}: Apprise says that it did not reach everybody, and not why.",
                next_step="It is tried again, marked as a possible repeat. Check APPRISE_URLS with `restaurant-os alerts test`.",
            )
        return ""

    def _send(self, title: str, body: str, kind: str) -> bool | None:
        """By Apprise's own collection, which makes the text what the service formats by."""
        import apprise

        services = apprise.Apprise(asset=self._service.asset)
        services.add(self._service)
        return services.notify(body=body, title=title, notify_type=apprise.NotifyType(kind), body_format=apprise.NotifyFormat.TEXT)

    def edit(self, sent_id: str, delivery: Delivery) -> None:
        raise RequestError(f"{self._channel}: it cannot change a message.")

    def find(self, delivery: Delivery) -> str | None:
        return None


def _service(channel: str, url: str) -> NotifyBase:
    try:
        import apprise
    except ImportError:
        raise SettingsError(
            "settings: APPRISE_URLS is set, and the package Apprise is not installed.",
            next_step="Install it: pip install 'restaurant-os[apprise]'.",
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold parts of addresses
    # nothing on disk, no redirect, no thread pool, and no text taken for an escape
    asset = apprise.AppriseAsset(
        storage_mode="memory", http_redirects=False, async_mode=False, interpret_emojis=False, app_id="Restaurant OS", app_desc="alerts"
    )
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not isinstance(found, apprise.NotifyBase):
        raise SettingsError(
            f"settings: {channel}: Apprise cannot read this address of {url.partition('://')[0]}://.",
            next_step="Compare it with Apprise's page of that service, and correct APPRISE_URLS.",
        )
    return found
