//! `hallpass audit erase PERSON --reason …`: what names a person goes, the record stays. Works beside a running `serve`.

use std::process::ExitCode;

use crate::app::Erased;
use crate::domain::PersonId;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// E-mail, Slack id or person id
    person: String,
    /// Why: kept on record
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let parts = super::super::beside_serve().await?;
    let actor = super::super::operator();
    let erased = parts
        .app
        .erase_person(&args.person, &args.reason, &actor)
        .await;
    parts.store.close().await;
    let (person, erased) = erased.map_err(anyhow::Error::msg)?;
    print!("{}", told(&person, &erased));
    Ok(ExitCode::SUCCESS)
}

fn told(person: &PersonId, erased: &Erased) -> String {
    let Erased {
        fields,
        events,
        requests,
        grants,
        left,
    } = erased;
    let mut lines = vec![
        format!("Erased, for the person {person}:"),
        format!("  personal fields of events  {fields}, of {events} events"),
        format!("  requests, grants           the words in {requests} and {grants}"),
        "  identity                   e-mail, Slack accounts, name, principals".to_owned(),
        "The proof stays whole: `hallpass audit verify` lists this erasure. The id stays, for nobody any more.".to_owned(),
    ];
    if *left > 0 {
        lines.push(format!(
            "Not yet: their words in reviews of {left} requests of others that aren't over. Erase again when they are."
        ));
    }
    lines.push(
        "Not erased by this: messages and cards in Slack (delete them there), archived configurations, what others \
         wrote about them in their own requests, backups and earlier exports."
            .to_owned(),
    );
    lines.join("\n") + "\n"
}
