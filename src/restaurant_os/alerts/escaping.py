"""Text from outside, for a channel: what would ring, link or format there shows as it is written, and no cut goes through an escape.

Lengths are in UTF-16 units, which is the most that any channel counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from restaurant_os.alerting import Delivery
from restaurant_os.text import printable

#: A blank of no width: what it stands within is no name of anybody any more.
NOTHING = "\u200b"
ELLIPSIS = "…"
REPEATED = "(may be a repeat)"
LINK = re.compile(r"https?://[^\s<>|\"'`\\()\[\]{}@*]{1,1500}")
#: What Slack formats by and knows no escape for, as characters that look the same.
ALIKE = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

#: What stands for the character at an index of a text.
Escape = Callable[[str, int], str]


def plain(text: str, at: int) -> str:
    """Where nothing is formatted, but names may ring and addresses become links."""
    own = text[at]
    follower = text[at + 1 : at + 2]
    if own == "@" or (own == "<" and follower) or (own == ":" and (follower.isalpha() or follower in tuple("/+-_"))):
        return own + NOTHING
    return own


def slack_plain(text: str, at: int) -> str:
    """For Slack's `plain_text`."""
    return ENTITIES.get(text[at]) or plain(text, at)


def slack(text: str, at: int) -> str:
    """For Slack's `mrkdwn`."""
    own = text[at]
    escaped = ALIKE.get(own) or slack_plain(text, at)
    return NOTHING + escaped if own == ">" and _begins_line(text, at) else escaped


def discord(text: str, at: int) -> str:
    """For Discord's Markdown."""
    own = text[at]
    if own in "\\*_~`|[]<" or (own in "#->+" and _begins_line(text, at)):
        return "\\" + plain(text, at)
    return plain(text, at)


def _begins_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def units(text: str) -> int:
    """How long a text is for a channel."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def clean(text: str) -> str:
    """On lines of its own as it came, control characters replaced."""
    return "\n".join(printable(line, len(line)).rstrip() for line in text.splitlines()).strip()


def fitted(text: str, limit: int, escape: Escape) -> str:
    """`text` escaped, in `limit` units at most; what was cut ends with an ellipsis."""
    text = clean(text)
    pieces: list[str] = []
    left = limit
    for at in range(min(len(text), limit + 1)):
        pieces.append(escape(text, at))
        left -= units(pieces[-1])
        if left < 0:
            break
    if left >= 0 and len(text) <= limit:
        return "".join(pieces)
    while pieces and left < 1:
        left += units(pieces.pop())
    return "".join(pieces) + ELLIPSIS if limit > 0 else ""


def listed(lines: Sequence[str], limit: int, escape: Escape, bullet: str = "• ") -> str:
    """Lines below each other in `limit` units at most: as many as fit, then how many there are besides."""
    shown: list[str] = []
    left = limit
    for number, line in enumerate(lines):
        own = bullet + fitted(line.replace("\n", " "), 300, escape)
        more = len(lines) - number - 1
        reserve = units(_besides(more)) + 1 if more else 0
        if units(own) + 1 + reserve > left:
            return "\n".join([*shown, _besides(more + 1)]) if left >= units(_besides(more + 1)) else "\n".join(shown)
        shown.append(own)
        left -= units(own) + 1
    return "\n".join(shown)


def _besides(count: int) -> str:
    return f"{ELLIPSIS} and {count} more"


def told(delivery: Delivery) -> str:
    """The message's text; of one that may have been sent before, with these words in front."""
    text = delivery.message.text
    return f"{REPEATED} {text}".rstrip() if delivery.is_repeated and not delivery.is_edit else text


def link_of(delivery: Delivery) -> str:
    """The message's link, where it is one that can stand in a message as it is; else ''."""
    return delivery.message.link if LINK.fullmatch(delivery.message.link) else ""
