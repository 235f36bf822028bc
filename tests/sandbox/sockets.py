"""slack_bolt over Socket Mode, with slack_sdk's own WebSocket client."""

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient


def socket_tests(sandbox):
    client = WebClient("xoxb-sample", base_url=sandbox.api)
    app = App(client=client, signing_secret="unused")
    homes = []

    @app.command("/menu")
    def menu(ack):
        ack("soup, over a socket")

    @app.action("eat")
    def eat(ack, body, client):
        ack()
        client.chat_update(channel="C0ORDERS", ts=body["message"]["ts"], text="eaten")

    @app.event("app_home_opened")
    def home(event):
        homes.append(event["user"])

    handler = SocketModeHandler(app, "xapp-sample", web_client=WebClient("xapp-sample", base_url=sandbox.api))

    def answered():
        outcome = sandbox.type("U0RITA", "C0ORDERS", "/menu")
        return outcome if outcome["error"] is None else None

    def alone():
        outcome = sandbox.type("U0RITA", "C0ORDERS", "/menu")
        assert outcome["error"] == "dispatch_failed", "nobody is connected yet"

    def commands():
        handler.connect()
        outcome = sandbox.until("an acknowledged command", answered)
        assert outcome["shown"]["text"] == "soup, over a socket"

    def buttons():
        button = {"type": "button", "action_id": "eat", "text": {"type": "plain_text", "text": "Eat"}}
        ts = client.chat_postMessage(
            channel="C0ORDERS", text="x", blocks=[{"type": "actions", "elements": [button]}])["ts"]
        assert sandbox.press("U0BOB", "C0ORDERS", ts, "eat")["error"] is None
        sandbox.until("the update", lambda: sandbox.messages("C0ORDERS")[-1]["text"] == "eaten")
        sandbox.post("home", person="U0BOB")
        sandbox.until("the event", lambda: "U0BOB" in homes)

    def reconnects():
        sandbox.post("sockets/disconnect", reason="refresh_requested")
        sandbox.until("an acknowledged command after the refresh", answered, limit=30)
        tickets = [c["answer"]["url"] for c in sandbox.get("calls?method=apps.connections.open")["calls"]]
        assert len(tickets) >= 2 and len(set(tickets)) == len(tickets), "single-use URLs"
        handler.close()

    return [
        ("Socket Mode: without a connection nothing is dispatched", alone),
        ("Socket Mode: command", commands),
        ("Socket Mode: button and event", buttons),
        ("Socket Mode: reconnects on refresh_requested", reconnects),
    ]
