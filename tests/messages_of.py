"""Messages of any text, and what is wrong with a Slack or Discord body by the reference's limits (7.1, 7.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from restaurant_os.alerting import Delivery, Message

AT = datetime(2026, 3, 10, 18, tzinfo=UTC)
NASTY = (
    *(
        "<!channel>",
        "<!here|x>",
        "<@U012AB3CD>",
        "<#C1>",
        "@everyone",
        "@here",
        "<@123456789>",
        "<@&987654321>",
        "[click](https://evil.example)",
    ),
    *(
        "<https://evil.example|pay>",
        "https://evil.example",
        "*b* _i_ ~s~ `c` ```x```",
        "||spoiler||",
        "> quote",
        "&amp;",
        "&lt;!channel&gt;",
    ),
    *(":skull:", "\u202eevil", "\x00\x1b[31m", "\ud800", "# head", "-# small", "😀", "\\", "é" * 40, "<", "&", "@"),
)
_pieces = st.one_of(st.sampled_from(NASTY), st.text(max_size=12), st.sampled_from([" ", "\n", "a", "word "]))


def texts(most: int) -> st.SearchStrategy[str]:
    """Text from anywhere, now and then far longer than any limit."""
    return st.builds(lambda parts, times: "".join(parts * times), st.lists(_pieces, max_size=most), st.sampled_from([1, 1, 1, 40, 400]))


def messages() -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        kind=st.sampled_from(["opened", "worse", "recovered", "changed", "flash", "notice", "test"]),
        title=texts(5),
        text=texts(8),
        fields=st.lists(st.tuples(texts(3), texts(4)), max_size=30).map(tuple),
        lists=st.lists(st.tuples(texts(3), st.lists(texts(4), max_size=25).map(tuple)), max_size=12).map(tuple),
        suggestion=texts(5),
        link=st.sampled_from(
            ["", "https://ops.example/v1/incidents/0011aabb", "https://x.example/?a=1&b=2", "javascript:alert(1)", "https://a|b>"]
        ),
        footer=texts(4),
        level=st.sampled_from(["alert", "good", "note"]),
    )


def delivery_of(message: Message, **others: Any) -> Delivery:
    given: dict[str, Any] = {"channel": "slack", "key": "key", "created_at": AT, "ready_at": AT, **others}
    return Delivery(message=message, **given)


def units(text: str) -> int:
    """As UTF-16, which is what no channel counts more than."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for own in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(own)


def slack_faults(body: dict[str, Any]) -> list[str]:
    """Which limits of Slack a body breaks."""
    blocks = body["blocks"]
    found = [] if 1 <= len(blocks) <= 50 else [f"{len(blocks)} blocks"]
    for block in blocks:
        limit = {"header": 150, "section": 3000}.get(block["type"], 0)
        if "text" in block and not 1 <= units(block["text"]["text"]) <= limit:
            found.append(f"{block['type']} of {units(block['text']['text'])}")
        fields = block.get("fields", [])
        found += [f"field of {units(one['text'])}" for one in fields if not 1 <= units(one["text"]) <= 2000]
        found += [f"{len(fields)} fields"] if len(fields) > 10 else []
        found += ["no fields"] if block.get("fields") == [] else []
        elements = block.get("elements", [])
        found += [f"{len(elements)} elements"] if len(elements) > 10 else []
        found += [f"element of {units(one['text'])}" for one in elements if not one["text"]]
    if len(json.dumps(blocks)) > 13_000:
        found.append(f"{len(json.dumps(blocks))} bytes")
    if not 1 <= units(body["text"]) <= 40_000:
        found.append("text")
    return found


def discord_faults(body: dict[str, Any]) -> list[str]:
    """Which limits of Discord a body breaks."""
    (embed,) = body["embeds"]
    fields = embed.get("fields", [])
    footer = embed.get("footer", {}).get("text", "")
    sizes = [("title", embed["title"], 256), ("description", embed["description"], 4096), ("footer", footer, 2048)]
    sizes += [("name", one["name"], 256) for one in fields] + [("value", one["value"], 1024) for one in fields]
    found = [f"{name} of {units(text)}" for name, text, most in sizes if units(text) > most]
    found += [f"empty {name}" for name, text, _ in sizes if not text and name in ("title", "name", "value")]
    found += [f"{len(fields)} fields"] if len(fields) > 25 else []
    in_all = sum(units(text) for _, text, _ in sizes)
    return found + ([f"{in_all} in all"] if in_all > 6000 else [])


def rings_or_links(text: str) -> list[str]:
    """What would ring somebody or lead somewhere, in any channel; our own links are taken out before."""
    return re.findall(r"@everyone|@here|<[!@#]|<https?:|@[A-Za-z0-9&!]|https?://", text)


def broken_entities(text: str) -> list[str]:
    """Ampersands and angles that are no whole entity."""
    return re.findall(r"&(?!(?:amp|lt|gt);).{0,4}|[<>]", text)
