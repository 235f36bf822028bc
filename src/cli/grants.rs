//! `hallpass grants`: who holds what, as a table or as JSON. Works beside a running `serve`.

use std::process::ExitCode;

use crate::app::GrantLine;

/// Columns that people read.
const HEADINGS: [&str; 5] = ["ID", "STATE", "ROLE", "HOLDER", "ENDS"];

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Also those that are over
    #[arg(long)]
    pub all: bool,
    /// As a JSON array, times in RFC 3339
    #[arg(long)]
    pub json: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let parts = super::beside_serve().await?;
    let grants = parts.app.grants(args.all).await;
    parts.store.close().await;
    let grants = grants?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&grants)?);
    } else if grants.is_empty() {
        println!("Nobody holds anything.");
    } else {
        print!("{}", table(&grants));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(grants: &[GrantLine]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(grants.iter().map(cells));
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    });
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let pad = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(pad))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn cells(grant: &GrantLine) -> [String; 5] {
    let end = grant.ended_at.or(grant.ends_at);
    [
        grant.id.clone(),
        grant.state.to_owned(),
        grant.role.clone(),
        grant.holder.clone(),
        end.map_or("-".into(), |end| {
            end.format("%Y-%m-%d %H:%M:%S UTC").to_string()
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::app::GrantLine;

    #[test]
    fn columns_stand_under_their_headings() {
        let line = |role: &str, holder: &str| GrantLine {
            id: "G-7K2M".into(),
            role: role.into(),
            holder: holder.into(),
            state: "provisioning",
            since: None,
            ends_at: None,
            ended_at: None,
        };
        let text = table(&[
            line("db-admin", "rita@example.com"),
            line("x", "ü@example.com"),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let column = |line: &str, word: &str| line.split(word).next().unwrap().chars().count();
        assert_eq!(column(lines[0], "HOLDER"), column(lines[1], "rita@"));
        assert_eq!(column(lines[1], "rita@"), column(lines[2], "ü@"));
    }
}
