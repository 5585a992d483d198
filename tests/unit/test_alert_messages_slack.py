"""Messages as Slack takes them: within every limit, and whatever stands in a name rings nobody and leads nowhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from messages_of import NASTY, broken_entities, delivery_of, messages, rings_or_links, slack_faults, strings
from property_profiles import examples
from restaurant_os.alerting import Message
from restaurant_os.alerts.slack import body_of

WHOLE = Message(
    kind="opened",
    title="Labor above 25 % at Elm Street",
    text="Projected labor at close is 30.0 %.",
    fields=(("Labor", "30.0 %"), ("CPLH", "$20.00")),
    lists=(("Why", ("Sales $640.00 below a Tuesday", "2.5 h over schedule")),),
    suggestion="One of three servers could leave at 15:00.",
    link="https://ops.example/v1/incidents/0011aabb",
    footer="As of 14:05",
)


def mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def test_a_message_is_a_header_text_fields_lists_suggestion_link_and_footer() -> None:
    assert body_of(delivery_of(WHOLE)) == {
        "text": "Labor above 25 % at Elm Street - Projected labor at close is 30.0 %.",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Labor above 25 % at Elm Street", "emoji": False}},
            {"type": "section", "text": mrkdwn("Projected labor at close is 30.0 %.")},
            {"type": "section", "fields": [mrkdwn("*Labor*\n30.0 %"), mrkdwn("*CPLH*\n$20.00")]},
            {"type": "section", "text": mrkdwn("*Why*\n• Sales $640.00 below a Tuesday\n• 2.5 h over schedule")},
            {"type": "section", "text": mrkdwn("One of three servers could leave at 15:00.")},
            {"type": "section", "text": mrkdwn("<https://ops.example/v1/incidents/0011aabb|Open>")},
            {"type": "context", "elements": [mrkdwn("As of 14:05")]},
        ],
    }


def test_one_that_may_have_been_sent_says_so_first() -> None:
    body = body_of(delivery_of(WHOLE, is_repeated=True))
    assert body["text"] == "Labor above 25 % at Elm Street - (may be a repeat) Projected labor at close is 30.0 %."
    assert body["blocks"][1]["text"]["text"] == "(may be a repeat) Projected labor at close is 30.0 %."


def test_names_that_ring_or_format_stand_there_as_they_are_written() -> None:
    body = body_of(
        delivery_of(Message(kind="opened", title="<!channel> & @everyone", text="*Al* <@U1> [x](https://e.example) :skull: a_b"))
    )
    assert body["blocks"] == [
        {"type": "header", "text": {"type": "plain_text", "text": "&lt;!channel&gt; &amp; @\u200beveryone", "emoji": False}},
        {
            "type": "section",
            "text": mrkdwn("\u2217Al\u2217 &lt;@\u200bU1&gt; [x](https:\u200b//e.example) :\u200bskull: a\u02cdb"),
        },
    ]


def test_ten_people_all_stand_in_one_message() -> None:
    people = tuple(f"Person {number} <!here>: 41.5 h worked, 8.0 h still scheduled" for number in range(10))
    body = body_of(delivery_of(Message(kind="opened", title="Overtime ahead", lists=(("Who", people),))))
    shown = [f"• Person {number} &lt;!here&gt;: 41.5 h worked, 8.0 h still scheduled" for number in range(10)]
    assert body["blocks"][1]["text"]["text"] == "\n".join(["*Who*", *shown])


def test_of_a_list_that_is_too_long_whole_lines_stand_and_how_many_there_are_besides() -> None:
    body = body_of(delivery_of(Message(kind="opened", title="t", lists=(("Who", tuple("x" * 199 for _ in range(40))),))))
    assert body["blocks"][1]["text"]["text"].split("\n") == ["*Who*", *["• " + "x" * 199] * 13, "… and 27 more"]


def test_no_cut_goes_through_an_entity() -> None:
    for length in range(140, 156):
        title = body_of(delivery_of(Message(kind="opened", title="a" * (length - 4) + "&&&&")))["blocks"][0]["text"]["text"]
        assert broken_entities(title) == []


def test_a_link_that_is_not_of_the_web_is_left_out() -> None:
    for link in ("javascript:alert(1)", "https://a.example/|x>", "https://a.example/ <!channel>"):
        body = body_of(delivery_of(Message(kind="opened", title="t", link=link)))
        assert [block["type"] for block in body["blocks"]] == ["header"]


@given(message=messages(), is_repeated=st.booleans())
@examples(8)
def test_any_message_is_within_every_limit_and_rings_nobody(message: Message, is_repeated: bool) -> None:
    body = body_of(delivery_of(message, is_repeated=is_repeated))
    assert slack_faults(body) == []
    told = [text for text in strings(body) if not text.endswith("|Open>")]
    assert [ring for text in told for ring in rings_or_links(text)] == []
    assert [broken for text in told for broken in broken_entities(text)] == []
    assert not is_repeated or "(may be a repeat)" in str(body["blocks"])


def test_each_dangerous_text_anywhere_rings_nobody() -> None:
    for nasty in NASTY:
        message = Message(
            kind="test", title=nasty, text=nasty, fields=((nasty, nasty),), lists=((nasty, (nasty,)),), suggestion=nasty, footer=nasty
        )
        assert [ring for text in strings(body_of(delivery_of(message))) for ring in rings_or_links(text)] == []
