"""Messages as Discord takes them: within every limit, and whatever stands in a name rings nobody and leads nowhere."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from messages_of import NASTY, delivery_of, discord_faults, messages, rings_or_links, strings
from property_profiles import examples
from restaurant_os.alerting import Message
from restaurant_os.alerts.discord import body_of

WHOLE = Message(
    kind="recovered",
    title="Labor is back at Elm Street",
    text="Projected labor at close is 24.0 %.",
    fields=(("Labor", "24.0 %"), ("CPLH", "$16.00")),
    lists=(("Why", ("Sales $640.00 above a Tuesday",)),),
    suggestion="Nothing could be done better.",
    link="https://ops.example/v1/incidents/0011aabb",
    footer="As of 14:05",
    level="good",
)


def test_a_message_is_one_embed_that_rings_nobody() -> None:
    assert body_of(delivery_of(WHOLE)) == {
        "allowed_mentions": {"parse": []},
        "embeds": [
            {
                "title": "Labor is back at Elm Street",
                "description": "Projected labor at close is 24.0 %.\n\n**Why**\n• Sales $640.00 above a Tuesday\n\nNothing could be done better.",
                "color": 0x2ECC71,
                "fields": [{"name": "Labor", "value": "24.0 %", "inline": True}, {"name": "CPLH", "value": "$16.00", "inline": True}],
                "footer": {"text": "As of 14:05"},
                "url": "https://ops.example/v1/incidents/0011aabb",
            }
        ],
    }


def test_one_that_may_have_been_sent_says_so_first() -> None:
    description = body_of(delivery_of(WHOLE, is_repeated=True))["embeds"][0]["description"]
    assert description.startswith("(may be a repeat) Projected labor at close is 24.0 %.\n\n")


def test_names_that_ring_or_format_stand_there_as_they_are_written() -> None:
    body = body_of(delivery_of(Message(kind="opened", title="<@123> @everyone", text="# *Al* [x](https://e.example) a_b :skull: |")))
    assert body["embeds"] == [
        {
            "title": "\\<\u200b@\u200b123> @\u200beveryone",
            "description": "\\# \\*Al\\* \\[x\\](https:\u200b//e.example) a\\_b :\u200bskull: \\|",
            "color": 0xE74C3C,
        }
    ]


def test_ten_people_all_stand_in_one_message() -> None:
    people = tuple(f"Person {number} @here: 41.5 h worked, 8.0 h still scheduled" for number in range(10))
    embed = body_of(delivery_of(Message(kind="opened", title="Overtime ahead", lists=(("Who", people),))))["embeds"][0]
    shown = [f"• Person {number} @\u200bhere: 41.5 h worked, 8.0 h still scheduled" for number in range(10)]
    assert embed["description"] == "\n".join(["**Who**", *shown])


@given(message=messages(), is_repeated=st.booleans())
@examples(8)
def test_any_message_is_within_every_limit_and_rings_nobody(message: Message, is_repeated: bool) -> None:
    body = body_of(delivery_of(message, is_repeated=is_repeated))
    assert discord_faults(body) == []
    (embed,) = body["embeds"]
    link = embed.pop("url", None)
    assert link in (None, "https://ops.example/v1/incidents/0011aabb", "https://x.example/?a=1&b=2")
    assert [ring for text in strings(embed) for ring in rings_or_links(text)] == []
    embed.pop("footer", None)  # no Markdown there
    assert [text for text in strings(embed) if re.search(r"(?<!\\)(?:\\\\)*\]\(", text)] == []
    assert not is_repeated or "(may be a repeat)" in embed["description"]


def test_each_dangerous_text_anywhere_rings_nobody() -> None:
    for nasty in NASTY:
        message = Message(
            kind="test", title=nasty, text=nasty, fields=((nasty, nasty),), lists=((nasty, (nasty,)),), suggestion=nasty, footer=nasty
        )
        assert [ring for text in strings(body_of(delivery_of(message))) for ring in rings_or_links(text)] == []
