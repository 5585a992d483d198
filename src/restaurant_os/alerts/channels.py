"""Which channels there are, by the settings alone, and who sends to them."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol
from urllib.parse import SplitResult, parse_qsl, urlsplit

import httpx

from restaurant_os.alerting import Delivery
from restaurant_os.alerts.discord import DiscordWebhook
from restaurant_os.alerts.others import AppriseSender
from restaurant_os.alerts.posting import Caller
from restaurant_os.alerts.slack import CHANNEL_ID, SlackBot, SlackWebhook
from restaurant_os.errors import SettingsError
from restaurant_os.settings import Settings
from restaurant_os.text import printable

ChannelKind = Literal["slack", "slack-bot", "discord", "apprise"]
#: Services of chat, mail, SMS and paging, over TLS, whose address means a person or a room. Not among them: what posts a document of ours to any
#: host (json, xml, form, apprise), runs or loads something (custom plugins, dbus, syslog), goes unencrypted, or steers a house or a machine.
#: Slack and Discord have senders of their own, which know how to be quiet about names.
SCHEMES = frozenset(
    {
        *("mailtos", "mailgun", "sendgrid", "ses", "sparkpost", "postmark", "resend", "brevo", "smtp2go", "o365", "azure"),
        *("tgram", "workflows", "workflow", "gchat", "wxteams", "webex", "matrixs", "mmosts", "rockets", "zulip"),
        *("nctalks", "zoom", "line", "flock", "ryver", "twist", "groupme", "lark", "feishu", "chime", "ringc", "synologys", "guilded"),
        *("pover", "pbul", "ntfys", "prowl", "gotifys", "join", "onesignal", "psafers", "spush", "barks", "push"),
        *("pagerduty", "opsgenie", "splunk", "victorops", "pagertree", "spike", "signl4", "jira"),
        *("twilio", "sns", "whatsapp", "signals", "threema", "vonage", "nexmo", "msgbird", "plivo", "sinch", "clicksend", "d7sms", "seven"),
        *("bulksms", "46elks", "elks", "voipms", "xmpps", "viber"),
    }
)
NOT_SECRET = "The address is a credential: it belongs in the environment or in .env."  # noqa: S105  # words


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. `fingerprint`: a digest of its address, which may be shown."""

    name: str
    kind: ChannelKind
    fingerprint: str
    can_edit: bool
    #: Whether a message that may have been sent can be looked for.
    can_find: bool


class Sender(Protocol):
    """Sends to one channel. Blocks, at most half a minute.

    Raises (all methods): `RateLimitedError`, `RetryableError`: later; nothing was sent. `InDoubtError`: it may have been sent. `DeadChannelError`: the
    channel takes no message any more. `RequestError`: this message alone is refused. None of them holds the address.
    """

    #: Seconds to leave between two calls, as far as is known after the last.
    pause: float

    def send(self, delivery: Delivery) -> str:
        """Gives the channel's own id of the message; '' where it has none."""
        ...

    def edit(self, sent_id: str, delivery: Delivery) -> None: ...

    def find(self, delivery: Delivery) -> str | None:
        """The id of the message, if it was sent before; None: it was not, or that cannot be told."""
        ...


def channels_of(settings: Settings) -> list[Channel]:
    """All that the settings name.

    Raises:
        SettingsError: an address is none, is not secure, or its kind is not allowed; a bot has no channel; the package for it is missing.
    """
    found: list[Channel] = []
    if url := settings.slack_webhook_url.get_secret_value():
        _checked(url, "SLACK_WEBHOOK_URL")
        found.append(Channel("slack", "slack", _fingerprint(url), can_edit=False, can_find=False))
    if token := settings.slack_bot_token.get_secret_value():
        channel = _bot_channel(settings, token)
        own = _fingerprint(settings.alerts.slack_api_url, token, channel)
        found.append(Channel("slack-bot", "slack-bot", own, can_edit=True, can_find=bool(CHANNEL_ID.fullmatch(channel))))
    if url := settings.discord_webhook_url.get_secret_value():
        if _checked(url, "DISCORD_WEBHOOK_URL").path.rstrip("/").endswith(("/slack", "/github")):
            raise _wrong("DISCORD_WEBHOOK_URL", "ends with /slack or /github", "the webhook's own address, as Discord copies it")
        found.append(Channel("discord", "discord", _fingerprint(url), can_edit=True, can_find=False))
    for number, url in enumerate(_apprise_urls(settings), 1):
        found.append(Channel(f"apprise-{number}", "apprise", _fingerprint(url), can_edit=False, can_find=False))
    return found


def sender_of(channel: Channel, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Sender:
    """Who sends to a channel of `channels_of(settings)`.

    Raises:
        SettingsError: Apprise cannot read its address, or is not installed.
    """
    makers: dict[ChannelKind, Callable[[], Sender]] = {
        "slack": lambda: SlackWebhook(
            settings.slack_webhook_url.get_secret_value(), Caller(channel.name, "SLACK_WEBHOOK_URL", transport=transport)
        ),
        "slack-bot": lambda: SlackBot(
            settings.alerts.slack_api_url,
            settings.slack_bot_token.get_secret_value(),
            settings.alerts.slack_channel.strip(),
            Caller(channel.name, "SLACK_BOT_TOKEN and alerts.slack_channel", transport=transport),
        ),
        "discord": lambda: DiscordWebhook(
            settings.discord_webhook_url.get_secret_value(), Caller(channel.name, "DISCORD_WEBHOOK_URL", transport=transport)
        ),
        "apprise": lambda: AppriseSender(channel.name, _apprise_urls(settings)[int(channel.name.rpartition("-")[2]) - 1]),
    }
    return makers[channel.kind]()


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def _checked(url: str, name: str) -> SplitResult:
    """An address that may be called: https, or http on this machine; nobody's name and password in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise _wrong(name, "is no URL", "one that begins with https://") from None
    if not parts.hostname or not url.isprintable() or " " in url:
        raise _wrong(name, "is no URL", "one that begins with https://")
    if parts.username is not None or parts.password is not None:
        raise _wrong(name, "holds a user name or a password before its host", "the address alone")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise _wrong(name, f"begins with {printable(parts.scheme, 20) or 'no scheme'}:", "https:// (http:// on this machine alone)")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bot_channel(settings: Settings, token: str) -> str:
    _checked(settings.alerts.slack_api_url, "alerts.slack_api_url")
    if not re.fullmatch(r"[A-Za-z0-9._-]{8,400}", token):
        raise _wrong("SLACK_BOT_TOKEN", "is no token", "one that begins with xoxb-")
    if not (channel := settings.alerts.slack_channel.strip()):
        raise SettingsError(
            "settings: SLACK_BOT_TOKEN is set, and alerts.slack_channel is not.",
            next_step='Name the channel that the bot posts to: `slack_channel = "C0123456789"` under [alerts]. By its id, it can look for its own messages.',
        )
    return channel


def _apprise_urls(settings: Settings) -> list[str]:
    """Those of APPRISE_URLS, each allowed. A comma ends one only before another: addresses of mail have commas too."""
    given = settings.apprise_urls.get_secret_value()
    urls = [one.strip(" ,\t\r\n") for one in re.split(r"[\s,]+(?=[A-Za-z0-9.+-]+://)", given) if one.strip(" ,\t\r\n")]
    for number, url in enumerate(urls, 1):
        name = f"APPRISE_URLS, number {number}"
        scheme, has_scheme, rest = url.partition("://")
        if not has_scheme or re.search(r"\s", url):
            raise _wrong(name, "is no URL", "one such as tgram://..., with blanks or commas between several")
        if scheme.lower() in ("slack", "discord"):
            raise _wrong(name, f"is of {scheme.lower()}://", "SLACK_WEBHOOK_URL, SLACK_BOT_TOKEN or DISCORD_WEBHOOK_URL for it")
        if scheme.lower() not in SCHEMES:
            raise _wrong(name, f"is of {printable(scheme, 20)}://", f"one of {', '.join(sorted(SCHEMES))}")
        _check_options(name, rest)
    if urls and find_spec("apprise") is None:
        raise SettingsError(
            "settings: APPRISE_URLS is set, and the package Apprise is not installed.",
            next_step="Install it: pip install 'restaurant-os[apprise]'.",
        )
    return urls


def _check_options(name: str, rest: str) -> None:
    """What would take the address's security away, or have a file read."""
    options = {key.lower(): value.lower() for key, value in parse_qsl(rest.partition("?")[2], keep_blank_values=True)}
    for option in ("verify", "redirect", "template", "attach", "pgpkey", "cert", "key"):
        if option in options:
            raise _wrong(name, f"has the option {option}=", "none that changes how it is secured, or names a file")
    if options.get("mode") == "insecure":
        raise _wrong(name, "has the option mode=insecure", "a secure mode")


def _wrong(name: str, found: str, expected: str) -> SettingsError:
    return SettingsError(f"settings: {name} {found}; {expected} was expected.", next_step=f"Correct it. {NOT_SECRET}")
