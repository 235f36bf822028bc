//! `hallpass revoke ID --reason …`: ends a grant. It is put on record here, and carried out by whoever serves.

use std::process::ExitCode;

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The grant, like G-7K2M
    pub id: String,
    /// Why: told to the holder, and kept on record
    #[arg(long)]
    pub reason: String,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let parts = super::beside_serve().await?;
    let actor = super::operator();
    let revoked = parts
        .app
        .revoke_as_operator(&args.id, &actor, &args.reason)
        .await;
    parts.store.close().await;
    println!("{}", revoked.map_err(anyhow::Error::msg)?);
    Ok(ExitCode::SUCCESS)
}
