//! `hallpass check`, as a person and as a pipeline meet it.

use hallpass::cli::check::{Args, examine_with, look};
use hallpass::config::Look;

use super::{Folder, Variables, WELL, planted, variables};

/// What is printed, what is said on stderr, and whether all is well.
fn check(folder: &Folder, args: &Args, env: &Variables) -> (String, String, bool) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let well = examine_with(args, env, Look::Plain, &mut out, &mut err).expect("checked");
    let text = |bytes: Vec<u8>| {
        let shown = String::from_utf8(bytes).expect("text");
        shown.replace(&format!("{}/", folder.0.path().display()), "")
    };
    (text(out), text(err), well.is_some())
}

fn args(folder: &Folder) -> Args {
    Args {
        file: Some(folder.path("hallpass.toml")),
        ..Args::default()
    }
}

#[test]
fn a_file_that_is_well_is_summed_up() {
    let folder = Folder::with(&[("hallpass.toml", WELL)]);
    let env = variables(&[("ORDERS_DB_ADMIN_URL", "postgres://x")]);
    let (out, err, well) = check(&folder, &args(&folder), &env);
    assert!(well);
    assert_eq!(
        out,
        "Well: 1 role, 1 backend and 6 people named, 1 on-call schedule.\n"
    );
    assert_eq!(err, "");
}

#[test]
fn a_missing_variable_is_warned_of_and_refused_when_connecting() {
    let folder = Folder::with(&[("hallpass.toml", WELL)]);
    let (out, _, well) = check(&folder, &args(&folder), &Variables::new());
    assert!(well);
    assert!(out.starts_with(
        "hallpass.toml:20:11: warning: the environment variable ORDERS_DB_ADMIN_URL is not set\n"
    ));
    assert!(out.ends_with(" 1 warning.\n"), "{out}");
    let connect = Args {
        connect: true,
        ..args(&folder)
    };
    let (out, err, well) = check(&folder, &connect, &Variables::new());
    assert!(!well);
    assert!(out.contains("hallpass.toml:20:11: mistake:"), "{out}");
    assert_eq!(err, "1 mistake in hallpass.toml.\n");
}

#[test]
fn mistakes_are_printed_and_counted_in_one_sentence() {
    let text = planted("max_duration", "max_duratoin").replace("oncall:dba", "oncall:dab");
    let folder = Folder::with(&[("hallpass.toml", &text)]);
    let (out, err, well) = check(&folder, &args(&folder), &Variables::new());
    assert!(!well);
    assert!(out.contains("hallpass.toml:25:1: mistake: "), "{out}");
    assert!(out.contains("hallpass.toml:26:33: mistake: "), "{out}");
    assert_eq!(err, "2 mistakes in hallpass.toml, and 1 warning.\n");
}

#[test]
fn the_file_comes_from_the_environment_where_none_is_named() {
    let folder = Folder::with(&[("elsewhere.toml", WELL)]);
    let path = folder.path("elsewhere.toml").display().to_string();
    let env = variables(&[("HALLPASS_CONFIG", &path)]);
    let (_, _, well) = check(&folder, &Args::default(), &env);
    assert!(well);
}

#[test]
fn resolved_shows_every_key_and_where_it_comes_from() {
    let example = include_str!("../../../hallpass.example.toml");
    let folder = Folder::with(&[("hallpass.toml", example)]);
    let resolved = |role: &str| {
        let args = Args {
            resolved: Some(role.into()),
            ..args(&folder)
        };
        check(&folder, &args, &Variables::new())
    };
    let (out, _, well) = resolved("orders-admin");
    assert!(well);
    insta::assert_snapshot!("resolved_orders_admin", out);
    let (_, err, well) = resolved("order-admin");
    assert!(!well);
    assert_eq!(
        err,
        "There is no role order-admin; did you mean `orders-admin`?\n"
    );
    let (_, err, _) = resolved("db");
    assert_eq!(
        err,
        "There is no role db; there are `logs`, `orders-admin`\n"
    );
}

#[test]
fn only_a_terminal_gets_drawings_and_no_color_takes_the_colour() {
    let xterm = variables(&[("TERM", "xterm")]);
    let no_color = variables(&[("TERM", "xterm"), ("NO_COLOR", "1")]);
    let empty = variables(&[("TERM", "xterm"), ("NO_COLOR", "")]);
    let dumb = variables(&[("TERM", "dumb")]);
    assert_eq!(look(&xterm, true), Look::Graphical { colour: true });
    assert_eq!(look(&no_color, true), Look::Graphical { colour: false });
    assert_eq!(look(&empty, true), Look::Graphical { colour: true });
    assert_eq!(look(&dumb, true), Look::Plain);
    assert_eq!(look(&xterm, false), Look::Plain);
}

#[test]
fn the_arguments_are_read() {
    use clap::{Args as _, Command, FromArgMatches};
    let command = Args::augment_args(Command::new("check"));
    command.clone().debug_assert();
    let read = |words: &[&str]| {
        let matches = command.clone().try_get_matches_from(words).expect("read");
        Args::from_arg_matches(&matches).expect("read")
    };
    let all = read(&["check", "a.toml", "--connect", "--resolved", "logs"]);
    assert_eq!(all.file.as_deref(), Some(std::path::Path::new("a.toml")));
    assert!(all.connect);
    assert_eq!(all.resolved.as_deref(), Some("logs"));
    assert!(read(&["check"]).file.is_none());
    hallpass::cli::init::Args::augment_args(Command::new("init")).debug_assert();
    hallpass::cli::manifest::Args::augment_args(Command::new("manifest")).debug_assert();
}
