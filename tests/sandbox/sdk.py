"""slack_sdk as the client: the Web API, its errors, its retry handlers."""

import time

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, HeaderBlock, SectionBlock

TOKEN = "xoxb-sample"


def client(sandbox, token=TOKEN, handlers=()):
    return WebClient(token, base_url=sandbox.api, retry_handlers=list(handlers))


def error_of(call):
    try:
        call()
    except SlackApiError as error:
        return error.response
    raise AssertionError("no error")


def sdk_tests(sandbox):
    api = client(sandbox)

    def identity():
        me = api.auth_test()
        assert (me["user_id"], me["team_id"]) == ("U0BOT", "T0SAMPLE"), me.data
        assert error_of(lambda: client(sandbox, "xoxb-wrong").auth_test())["error"] == "invalid_auth"
        assert error_of(lambda: client(sandbox, None).auth_test())["error"] == "not_authed"
        wrong = error_of(lambda: client(sandbox, "xapp-sample").auth_test())
        assert wrong["error"] == "not_allowed_token_type"

    def people_in_pages():
        names = [m["name"] for page in api.users_list(limit=2) for m in page["members"]]
        assert sorted(names) == ["bob", "carol", "gone", "gus", "lunch", "rita"], names
        rita = api.users_lookupByEmail(email="rita@example.com")["user"]
        assert rita["id"] == "U0RITA" and rita["profile"]["email"] == "rita@example.com"
        assert api.users_info(user="U0GUEST")["user"]["is_restricted"] is True
        assert api.users_info(user="U0GONE")["user"]["deleted"] is True
        missing = error_of(lambda: api.users_lookupByEmail(email="no@example.com"))
        assert missing["error"] == "users_not_found"
        assert api.usergroups_users_list(usergroup="S0COOKS")["users"] == ["U0BOB", "U0CAROL"]

    def channels():
        listed = api.conversations_list(types="public_channel,private_channel", limit=2)
        names = [c["name"] for page in listed for c in page["channels"]]
        assert sorted(names) == ["general", "kitchen", "lunch-orders", "old-menus", "other-team"]
        assert api.conversations_info(channel="C0ORDERS")["channel"]["is_member"] is True
        assert "U0RITA" in api.conversations_members(channel="C0ORDERS")["members"]

    def messages():
        blocks = [
            HeaderBlock(text="Lunch"),
            SectionBlock(text="for *twelve*"),
            ActionsBlock(elements=[ButtonElement(text="Eat", action_id="eat", value="1")]),
        ]
        posted = api.chat_postMessage(channel="C0GENERAL", text="Lunch", blocks=blocks)
        ts = posted["ts"]
        reply = api.chat_postMessage(channel="C0GENERAL", text="a & b < c", thread_ts=ts)
        assert reply["message"]["text"] == "a &amp; b &lt; c"
        thread = api.conversations_replies(channel="C0GENERAL", ts=ts)["messages"]
        assert [m["ts"] for m in thread] == [ts, reply["ts"]] and thread[0]["reply_count"] == 1
        api.chat_update(channel="C0GENERAL", ts=ts, text="Eaten.")
        latest = api.conversations_history(channel="C0GENERAL", limit=1)["messages"][0]
        assert latest["text"] == "Eaten." and "blocks" not in latest
        link = api.chat_getPermalink(channel="C0GENERAL", message_ts=ts)["permalink"]
        assert link.endswith("/archives/C0GENERAL/p" + ts.replace(".", ""))
        api.chat_delete(channel="C0GENERAL", ts=reply["ts"])
        gone = error_of(lambda: api.chat_delete(channel="C0GENERAL", ts=reply["ts"]))
        assert gone["error"] == "message_not_found"

    def direct_messages():
        dm = api.conversations_open(users=["U0RITA"])["channel"]["id"]
        api.chat_postMessage(channel=dm, text="psst")
        assert sandbox.messages(dm)[-1]["text"] == "psst"
        assert error_of(lambda: api.conversations_open(users="U0GONE"))["error"] == "user_disabled"
        api.chat_postEphemeral(channel="C0ORDERS", user="U0RITA", text="for you")
        assert sandbox.ephemerals("U0RITA")[-1]["text"] == "for you"
        outside = error_of(
            lambda: api.chat_postEphemeral(channel="C0ORDERS", user="U0CAROL", text="x")
        )
        assert outside["error"] == "user_not_in_channel"

    def refusals():
        for channel, error in [
            ("C0NONE", "channel_not_found"),
            ("C0OTHER", "not_in_channel"),
            ("C0OLD", "is_archived"),
        ]:
            answer = error_of(lambda c=channel: api.chat_postMessage(channel=c, text="x"))
            assert answer["error"] == error, answer.data
        bad = [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]
        answer = error_of(lambda: api.chat_postMessage(channel="C0ORDERS", text="x", blocks=bad))
        assert answer["error"] == "invalid_blocks"
        assert "[json-pointer:/blocks/0/text/text]" in answer["response_metadata"]["messages"][0]
        late = error_of(lambda: api.views_open(trigger_id="1.2.3", view={
            "type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}))
        assert late["error"] == "invalid_trigger_id"

    def rate_limit():
        fault = sandbox.fault(method="chat.postMessage", kind="rate_limited", retry_after=1, times=1)
        patient = client(sandbox, handlers=[RateLimitErrorRetryHandler(max_retry_count=1)])
        begun = time.monotonic()
        assert patient.chat_postMessage(channel="C0GENERAL", text="patience")["ok"]
        assert time.monotonic() - begun >= 1, "Retry-After was obeyed"
        assert sandbox.fired(fault) == 1

    def broken_answers():
        fault = sandbox.fault(method="users.info", kind="server_error", status=503, times=1)
        steady = client(sandbox, handlers=[ServerErrorRetryHandler(max_retry_count=1)])
        assert steady.users_info(user="U0RITA")["ok"] and sandbox.fired(fault) == 1
        fault = sandbox.fault(method="chat.postMessage", kind="drop_answer", times=1)
        steady = client(sandbox, handlers=[ConnectionErrorRetryHandler(max_retry_count=1)])
        assert steady.chat_postMessage(channel="C0GENERAL", text="twice")["ok"]
        assert sandbox.fired(fault) == 1
        twice = [m for m in sandbox.messages("C0GENERAL") if m["text"] == "twice"]
        assert len(twice) == 2, "done, then cut: whoever repeats it has it twice"

    return [
        ("slack_sdk: who am I, and wrong tokens", identity),
        ("slack_sdk: people, page by page", people_in_pages),
        ("slack_sdk: channels", channels),
        ("slack_sdk: post, thread, update, delete", messages),
        ("slack_sdk: DMs and ephemerals", direct_messages),
        ("slack_sdk: refusals have Slack's names", refusals),
        ("slack_sdk: its rate limit handler waits and succeeds", rate_limit),
        ("slack_sdk: its retry handlers survive 503 and cut connections", broken_answers),
    ]
