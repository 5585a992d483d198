"""Which channels the settings make, and what no address may be."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from messages_of import delivery_of
from restaurant_os.alerting import Message
from restaurant_os.alerts import channels
from restaurant_os.alerts.channels import Channel, channels_of, sender_of
from restaurant_os.alerts.others import text_of
from restaurant_os.errors import SettingsError
from restaurant_os.settings import Settings, load_without_file

Setting = Callable[..., Settings]
#: Apprise loads a module of Python that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated")
SLACK = "https://hooks.slack.com/services/T0/B0/slack-secret"
DISCORD = "https://discord.com/api/webhooks/1/discord-secret"
TOKEN = "xoxb-1-2-token-secret"
TELEGRAM = "tgram://123456789:AAEfghijklmnopqrstuvwxyz012345678/-100200300"


@pytest.fixture
def set_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    def made(slack_channel: str = "", **variables: str) -> Settings:
        for name in ("SLACK_WEBHOOK_URL", "DISCORD_WEBHOOK_URL", "SLACK_BOT_TOKEN", "APPRISE_URLS"):
            monkeypatch.setenv(name, variables.get(name, ""))
        return load_without_file(tmp_path, alerts={"slack_channel": slack_channel})

    return made


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def test_without_an_address_there_is_no_channel(set_to: Setting) -> None:
    assert channels_of(set_to(slack_channel="C0123456789")) == []


def test_every_address_makes_a_channel_whose_digest_alone_is_shown(set_to: Setting) -> None:
    own = set_to(
        SLACK_WEBHOOK_URL=SLACK,
        DISCORD_WEBHOOK_URL=DISCORD,
        SLACK_BOT_TOKEN=TOKEN,
        slack_channel="C0123456789",
        APPRISE_URLS=f"{TELEGRAM}, mailtos://me:word@mail.example?to=a@x.example,b@x.example",
    )
    assert channels_of(own) == [
        Channel("slack", "slack", digest(SLACK), can_edit=False, can_find=False),
        Channel("slack-bot", "slack-bot", digest("https://slack.com/api", TOKEN, "C0123456789"), can_edit=True, can_find=True),
        Channel("discord", "discord", digest(DISCORD), can_edit=True, can_find=False),
        Channel("apprise-1", "apprise", digest(TELEGRAM), can_edit=False, can_find=False),
        Channel(
            "apprise-2", "apprise", digest("mailtos://me:word@mail.example?to=a@x.example,b@x.example"), can_edit=False, can_find=False
        ),
    ]
    assert "secret" not in repr(channels_of(own))


def test_a_bot_that_knows_its_channel_by_name_cannot_look_for_its_messages(set_to: Setting) -> None:
    (bot,) = channels_of(set_to(SLACK_BOT_TOKEN=TOKEN, slack_channel="#alerts"))
    assert (bot.can_edit, bot.can_find) == (True, False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.slack.com/services/T0/B0/top-secret", "ftp://hooks.slack.com/top-secret", "hooks.slack.com/top-secret", "https://"),
        *("https://user:top-secret@hooks.slack.com/x", "https://top-secret@hooks.slack.com/x", "http://localhost.example/top-secret"),
        *("http://10.0.0.1/top-secret", "https://hooks.slack.com:port/top-secret", "file:///top-secret"),
    ],
)
def test_an_address_that_is_not_secure_is_refused_without_being_shown(set_to: Setting, url: str) -> None:
    for name in ("SLACK_WEBHOOK_URL", "DISCORD_WEBHOOK_URL"):
        with pytest.raises(SettingsError) as caught:
            channels_of(set_to(**{name: url}))
        assert name in str(caught.value)
        assert "top-secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_this_machine_may_be_called_without_tls(set_to: Setting, host: str) -> None:
    assert [own.name for own in channels_of(set_to(SLACK_WEBHOOK_URL=f"http://{host}:8080/services/T0/B0/x"))] == ["slack"]


def test_a_token_without_a_channel_is_refused(set_to: Setting) -> None:
    with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN is set, and alerts\.slack_channel is not"):
        channels_of(set_to(SLACK_BOT_TOKEN=TOKEN))


def test_discords_address_for_slacks_bodies_is_refused(set_to: Setting) -> None:
    with pytest.raises(SettingsError, match="ends with /slack"):
        channels_of(set_to(DISCORD_WEBHOOK_URL=f"{DISCORD}/slack"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "json://10.0.0.1/top-secret",
            "jsons://host/top-secret",
            "xml://host/top-secret",
            "forms://host/top-secret",
            "apprises://host/top-secret",
        ),
        *("mailto://me:top-secret@mail.example", "syslog://", "dbus://", "file:///top-secret", "windows://", "hassios://host/top-secret"),
        *("slack://top-secret/b/c", "discord://top-secret/b", "own-plugin://top-secret", "top-secret", f"{TELEGRAM} top-secret"),
        *(
            "mailtos://me:top-secret@mail.example?mode=insecure",
            "ntfys://host/top-secret?verify=no",
            "tgram://top-secret/1?template=/etc/x",
        ),
        *("mmosts://host/top-secret?redirect=yes", "gotify://host/top-secret", "mqtt://host/top-secret"),
    ],
)
def test_what_is_no_service_of_chat_or_mail_is_refused_without_being_shown(set_to: Setting, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        channels_of(set_to(APPRISE_URLS=url))
    assert "APPRISE_URLS" in str(caught.value)
    assert "top-secret" not in str(caught.value)


def test_apprise_that_is_not_installed_is_said_with_how_to_install_it(set_to: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    own = set_to(APPRISE_URLS=TELEGRAM)
    (channel,) = channels_of(own)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError, match=r"pip install 'restaurant-os\[apprise\]'"):
        sender_of(channel, own)
    monkeypatch.setattr(channels, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'restaurant-os\[apprise\]'"):
        channels_of(own)


def test_apprise_is_imported_by_nobody_who_has_no_such_channel() -> None:
    code = "import sys, restaurant_os.live.outbox; print('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_every_allowed_scheme_is_one_that_apprise_knows_as_secure() -> None:
    import apprise

    known: set[str] = set()
    for plugin in apprise.plugins.N_MGR.plugins():  # type: ignore[no-untyped-call]
        secure = plugin.secure_protocol or ()
        known |= {secure} if isinstance(secure, str) else set(secure)
    assert channels.SCHEMES - known == set()


def test_an_address_that_apprise_cannot_read_is_said_without_being_shown(set_to: Setting) -> None:
    own = set_to(APPRISE_URLS="twilio://top-secret")
    (channel,) = channels_of(own)
    with pytest.raises(SettingsError) as caught:
        sender_of(channel, own)
    assert str(caught.value).startswith("settings: apprise-1: Apprise cannot read this address of twilio://.")
    assert "top-secret" not in str(caught.value)


def test_plain_text_for_other_channels_is_cut_and_rings_nobody() -> None:
    message = Message(
        kind="opened",
        title="t",
        text="@channel <users/all> sold",
        fields=(("Labor", "30.0 %"),),
        lists=(("Why", ("a", "b")),),
        link="https://ops.example/1",
        footer="As of 14:05",
    )
    assert text_of(delivery_of(message, is_repeated=True)) == (
        "(may be a repeat) @\u200bchannel <\u200busers/all> sold\n\nLabor: 30.0 %\n\nWhy:\n- a\n- b\n\nAs of 14:05\n\nhttps://ops.example/1"
    )
    assert text_of(delivery_of(message), 20) == "@\u200bchannel <\u200busers/a…"
