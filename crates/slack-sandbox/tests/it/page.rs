//! What the page says, as HTML; how it looks was looked at in a browser.

use serde_json::json;

use crate::app::{call, get, sandbox};

#[tokio::test]
async fn words_stay_words_and_nothing_comes_from_elsewhere() {
    let (sandbox, _app) = sandbox().await;
    sandbox
        .type_command("rita", "ops", "<script>alert(1)</script> <!channel> @bob")
        .await;
    call(&sandbox, "chat.postMessage", json!({ "channel": "C0OPS", "text": "a card", "blocks": [
        { "type": "section", "text": { "type": "plain_text", "text": "*not bold* <@U0BOB> https://evil.example" } },
        { "type": "section", "text": { "type": "mrkdwn", "text": "*bold* <@U0BOB> <javascript:alert(1)|x> <https://good.example|good>" } },
    ] }))
    .await;
    let (headers, html) = get(&format!("{}/?as=U0RITA&channel=C0OPS", sandbox.url())).await;
    let policy = headers["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'self'"));
    assert!(
        html.contains("&lt;script&gt;alert(1)") && !html.contains("<script>alert"),
        "{html}"
    );
    assert!(html.contains("*not bold* &lt;@U0BOB&gt; https://evil.example"));
    assert!(!html.contains("href=\"https://evil.example"));
    assert!(html.contains("<strong>bold</strong>") && html.contains("@Bob Vega"));
    assert!(html.contains("href=\"https://good.example\"") && !html.contains("href=\"javascript"));
}

#[tokio::test]
async fn everybody_sees_their_own_slack() {
    let (sandbox, _app) = sandbox().await;
    let secret = json!({ "channel": "C0OPS", "user": "U0RITA", "text": "for Rita alone" });
    call(&sandbox, "chat.postEphemeral", secret).await;
    call(
        &sandbox,
        "chat.postMessage",
        json!({ "channel": "C0OPS", "text": "hello" }),
    )
    .await;
    let page = async |query: &str| get(&format!("{}/?{query}", sandbox.url())).await.1;

    let other = page("as=U0BOB&channel=C0SECRET").await;
    assert!(
        other.contains("1<span class=\"sr\"> unread"),
        "Rita's secret doesn't count: {other}"
    );
    let ritas = page("as=U0RITA&channel=C0OPS").await;
    assert!(ritas.contains("for Rita alone") && ritas.contains("Only visible to you"));
    assert!(ritas.contains("id=\"who\"") && !ritas.contains("secret"));
    let bobs = page("as=U0BOB&channel=C0OPS&embed=1").await;
    assert!(!bobs.contains("for Rita alone") && !bobs.contains("id=\"who\""));
    assert!(bobs.contains("Bob Vega") && !bobs.contains("The clock was moved"));
    let doras = page("as=U0DORA&channel=C0SECRET").await;
    assert!(
        !doras.contains("Message #secret"),
        "a private channel stays private"
    );

    sandbox.set_clock_offset(600);
    assert!(
        page("as=U0BOB")
            .await
            .contains("The clock was moved ahead by 10 min")
    );
}
