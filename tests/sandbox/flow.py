"""slack_bolt as the receiver: command, ack, card, button, update, modal, submission, events."""

import logging
import threading

from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

SECRET = "sample-signing-secret"


def plain(text):
    return {"type": "plain_text", "text": text}


def form(note):
    return {
        "type": "modal", "callback_id": "order", "notify_on_close": True,
        "title": plain("Order"), "submit": plain("Send"), "private_metadata": note,
        "blocks": [
            {"type": "input", "block_id": "what", "label": plain("What"),
             "element": {"type": "plain_text_input", "action_id": "text"}},
            {"type": "input", "block_id": "size", "label": plain("Size"), "element": {
                "type": "static_select", "action_id": "pick",
                "options": [{"text": plain(t), "value": t} for t in ("small", "large")]}},
        ],
    }


def lunch_app(sandbox, seen):
    client = WebClient("xoxb-sample", base_url=sandbox.api)
    app = App(client=client, signing_secret=SECRET)

    @app.command("/menu")
    def menu(ack, command):
        seen.append(command)
        ack(f"today: soup, {command['text']}")

    @app.command("/lunch")
    def lunch(ack, body, client):
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=form("first"))

    @app.view("order")
    def order(ack, body, view, client):
        values = view["state"]["values"]
        what, size = values["what"]["text"]["value"], values["size"]["pick"]["selected_option"]
        if what == "soup":
            return ack(response_action="errors", errors={"what": "Soup is out."})
        if what == "more":
            return ack(response_action="push", view=form("second"))
        if what == "other":
            return ack(response_action="update", view=form("changed"))
        ack()
        button = {"type": "button", "action_id": "approve", "text": plain("Approve"), "value": "7"}
        client.chat_postMessage(
            channel="C0ORDERS", text=f"{what}, {size['value']}",
            blocks=[{"type": "section", "text": plain(what)},
                    {"type": "actions", "elements": [button]}],
        )

    @app.view_closed("order")
    def closed(ack, body):
        ack()
        seen.append(body)

    @app.action("approve")
    def approve(ack, body, client, respond):
        ack()
        client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"],
            text=f"approved by <@{body['user']['id']}>",
        )
        respond("thank you")

    @app.shortcut("order")
    def shortcut(ack, body, client):
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=form("shortcut"))

    @app.event("app_home_opened")
    def home(event, client):
        view = {"type": "home", "blocks": [{"type": "section", "text": plain("Welcome")}]}
        client.views_publish(user_id=event["user"], view=view)

    @app.event("app_mention")
    def mention(event, say):
        say(text=f"yes, <@{event['user']}>?", thread_ts=event["ts"])

    @app.event("message")
    def message(event):
        seen.append(event)

    @app.event("user_change")
    def user_change(event):
        seen.append(event)

    return app


def flow_tests(sandbox, port):
    seen = []
    app = lunch_app(sandbox, seen)
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    threading.Thread(target=lambda: app.start(port=port, path="/slack/events"), daemon=True).start()

    def top():
        views = sandbox.views("U0RITA")["views"]
        return views[-1] if views else None

    def opened(text="/lunch"):
        outcome = sandbox.type("U0RITA", "C0ORDERS", text)
        assert outcome["error"] is None, outcome
        return sandbox.until("the form", top)

    def submit(view, **values):
        given = {"what": {"text": values.get("what")}, "size": {"pick": values.get("size", "large")}}
        return sandbox.post("submit", person="U0RITA", view_id=view["id"], values=given)

    def reachable():
        outcome = sandbox.until("bolt is up", lambda: (
            lambda o: o if o["error"] is None else None)(sandbox.post("verify")))
        assert outcome["status"] == 200

    def command():
        outcome = sandbox.type("U0RITA", "C0ORDERS", "/menu with @bob & <me>")
        assert outcome["error"] is None, outcome
        assert seen[-1]["text"] == "with @bob &amp; &lt;me&gt;", seen[-1]
        assert outcome["shown"]["ephemeral_to"] == "U0RITA"
        assert outcome["shown"]["text"] == "today: soup, with @bob &amp; &lt;me&gt;"

    def modal():
        view = opened()
        missing = submit(view, what="")
        assert missing["error"] == "incomplete" and "what" in missing["errors"]
        assert submit(view, what="soup")["errors"] == {"what": "Soup is out."}
        assert top()["id"] == view["id"], "it stays open"
        assert submit(view, what="other")["error"] is None
        assert top()["source"]["private_metadata"] == "changed"
        assert submit(top(), what="more")["error"] is None
        assert len(sandbox.views("U0RITA")["views"]) == 2
        sandbox.post("close", person="U0RITA", view_id=top()["id"])
        assert seen[-1]["type"] == "view_closed" and seen[-1]["is_cleared"] is False
        assert submit(top(), what="pasta")["error"] is None
        assert top() is None

    def card():
        message = sandbox.until("the card", lambda: [
            m for m in sandbox.messages("C0ORDERS") if m["text"] == "pasta, large"])[-1]
        assert message["buttons"] == ["Approve"]
        assert sandbox.press("U0BOB", "C0ORDERS", message["ts"], "approve")["error"] is None

        def decided():
            now = next(m for m in sandbox.messages("C0ORDERS") if m["ts"] == message["ts"])
            return now if now["edited"] else None

        now = sandbox.until("the update", decided)
        assert now["text"] == "approved by <@U0BOB>" and now["buttons"] == []
        sandbox.until("the answer by response_url", lambda: [
            m for m in sandbox.ephemerals("U0BOB") if m["text"] == "thank you"])
        again = sandbox.press("U0BOB", "C0ORDERS", message["ts"], "approve")
        assert again["error"] == "no_such_action"

    def shortcut():
        outcome = sandbox.post("shortcut", person="U0RITA", callback_id="order")
        assert outcome["error"] is None, outcome
        view = sandbox.until("the form", top)
        assert view["source"]["private_metadata"] == "shortcut"
        sandbox.post("close", person="U0RITA", view_id=view["id"])

    def events():
        sandbox.post("home", person="U0BOB")
        sandbox.until("the home", lambda: sandbox.views("U0BOB")["home"])
        sandbox.type("U0BOB", "C0GENERAL", "hello @lunch")
        asked = sandbox.messages("C0GENERAL")[-1]
        thread = f"messages?channel=C0GENERAL&ts={asked['ts']}"
        sandbox.until("the answer in the thread", lambda: [
            m for m in sandbox.get(thread)["messages"] if m["text"] == "yes, <@U0BOB>?"])
        sandbox.until("the message event", lambda: [
            e for e in seen if e.get("type") == "message" and e["text"] == "hello <@U0BOT|lunch>"])
        sandbox.post("people/U0GUEST", deleted=True)
        sandbox.until("the change of a person", lambda: [
            e for e in seen if e.get("type") == "user_change" and e["user"]["deleted"]])

    def signatures():
        deliveries = sandbox.get("deliveries")["deliveries"]
        verifier = SignatureVerifier(SECRET)
        for one in deliveries:
            assert verifier.is_valid(one["body"], one["timestamp"], one["signature"])
        assert not verifier.is_valid(one["body"] + "x", one["timestamp"], one["signature"])
        assert all(one["status"] == 200 for one in deliveries if one["route"] != "events")

    def response_url():
        sandbox.type("U0RITA", "C0ORDERS", "/menu")
        hook = WebhookClient(seen[-1]["response_url"])
        answers = [hook.send(text=f"more {n}").status_code for n in range(6)]
        assert answers == [200] * 5 + [404], answers

    return [
        ("slack_bolt: url_verification", reachable),
        ("slack_bolt: command, ack with text", command),
        ("slack_bolt: modal, errors, update, push, close, submission", modal),
        ("slack_bolt: card, button, update, respond", card),
        ("slack_bolt: shortcut", shortcut),
        ("slack_bolt: app_home_opened, app_mention, message, user_change", events),
        ("slack_sdk: verifies every signature", signatures),
        ("slack_sdk: a response_url is good five times", response_url),
    ]
