//! Flags of the server itself, configurations, and where data is found.

use std::path::Path;

use clap::{CommandFactory, Parser};

use super::super::args::{Cli, Command, TokenCommand, TrunkCommand, UserCommand};
use super::super::configuration;
use super::super::run::execute;
use super::*;

#[test]
fn the_command_line_is_consistent_and_each_command_has_help() {
    Cli::command().debug_assert();
    let mut command = Cli::command();
    let help = command.render_long_help().to_string();
    for word in ["dev", "serve", "config", "user", "trunk", "token", "--trunk", "78"] {
        assert!(help.contains(word), "{word} not in {help}");
    }
    let mut folders: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    while let Some(mut command) = folders.pop() {
        let help = command.render_long_help().to_string();
        assert!(command.get_about().is_some(), "{} has no words", command.get_name());
        assert!(help.contains("Usage:"), "{help}");
        folders.extend(command.get_subcommands().cloned());
    }
}

#[tokio::test]
async fn without_a_command_it_is_development_mode() {
    let desk = Desk::new();
    desk.typed("--log off").await.unwrap();
    let started = [(Mode::Development, Some(DevShow::WordsAndBrowser))];
    assert_eq!(*desk.noted.started.borrow(), started);
}

#[test]
fn development_flags_become_a_configuration() {
    let words = "ringfence dev --no-open --json --listen 127.0.0.1:0 --trunk sips:u:p@a.example \
                 --trunk sips:b.example:5071 --trunk-media rtp --media-port 40000";
    let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
    let Some(Command::Dev(dev)) = cli.command else { panic!() };
    let config = configuration::of_dev(&dev).unwrap();
    assert_eq!(config.server.listen_metrics.unwrap().port(), 0, "free ports everywhere");
    assert_eq!(config.media.port, 40_000);
    let names: Vec<_> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
    assert_eq!(names, ["pbx", "pbx-2"]);
    assert_eq!(config.trunks[0].password.as_ref().unwrap().expose(), "p");
    assert!(config.trunks[0].register && !config.trunks[1].register);
    assert!(config.trunks.iter().all(|trunk| trunk.media.as_str() == "rtp"));
}

#[test]
fn a_bad_trunk_flag_is_refused_without_its_password() {
    let words = ["ringfence", "--trunk", "sip:u:hunter2@a.example"];
    let cli = Cli::try_parse_from(words).unwrap();
    assert!(!format!("{cli:?}").contains("hunter2"));
    let failure = configuration::of_dev(&cli.dev).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.words.contains("sips:") && !failure.words.contains("hunter2"));
}

#[test]
fn what_is_said_about_trunks_without_saying_it_all_is_a_usage_error() {
    for (words, expected) in [
        ("ringfence --trunk sips:ringfence@a.example", "needs a password"),
        ("ringfence --trunk-ca ca.pem", "--trunk-ca says"),
        ("ringfence dev --trunk-media rtp", "--trunk-media says"),
    ] {
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Command::Dev(dev) = cli.command.unwrap_or(Command::Dev(cli.dev)) else { panic!() };
        let failure = configuration::of_dev(&dev).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.words.contains(expected), "{failure}");
    }
    let refused = Cli::try_parse_from(["ringfence", "--listen", "8080"]).unwrap_err();
    assert!(refused.to_string().contains("like 127.0.0.1:8443"), "{refused}");
}

#[test]
fn a_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringfence.toml");
    std::fs::write(&path, "[server]\npublic_hots = \"x\"\n").unwrap();
    let check = |words: &[&str]| {
        let path = path.to_str().unwrap();
        let words = ["ringfence", "config"].iter().chain(words).copied();
        let cli = Cli::try_parse_from(words.chain(["--config", path])).unwrap();
        let Some(Command::Config(command)) = cli.command else { panic!() };
        let mut out = Vec::new();
        let done = configuration::config(command, &mut out);
        (done, String::from_utf8(out).unwrap())
    };
    let (done, out) = check(&["check", "--json"]);
    assert_eq!(done.unwrap_err().exit.code(), 78);
    assert!(out.contains("\"ok\":false") && out.contains("did you mean"), "{out}");
    assert_eq!(working_configuration(folder.path()), path);
    let (done, out) = check(&["check"]);
    assert!(done.is_ok() && out.contains("is valid"), "{done:?}");
    let (_, out) = check(&["show"]);
    assert!(out.contains("server.public_host") && out.contains("ringfence.toml:2"), "{out}");
    assert!(out.contains("server.listen_metrics") && out.contains("default"), "{out}");
}

#[tokio::test]
async fn the_configuration_says_where_the_data_is_unless_the_command_line_does() {
    for words in ["user list", "trunk list", "token mint --user 1001"] {
        let all = format!("ringfence {words} --config /nonexistent/ringfence.toml");
        let cli = Cli::try_parse_from(all.split_whitespace()).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let done = execute(cli, &Noted::default(), &mut out, &mut err).await;
        let failure = done.unwrap_err();
        assert!(failure.words.contains("/nonexistent/ringfence.toml"), "{words}: {failure}");
        let cli = Cli::try_parse_from(all.split_whitespace()).unwrap();
        let place = match cli.command {
            Some(Command::User(UserCommand::List { within })) => within.common.place,
            Some(Command::Trunk(TrunkCommand::List { within })) => within.common.place,
            Some(Command::Token(TokenCommand::Mint { within, .. })) => within.common.place,
            _ => panic!(),
        };
        assert!(place.data.is_none() && place.config.is_some(), "{place:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = working_configuration(folder.path());
    let add = ["ringfence", "user", "add", "ann", "--number", "2001", "--no-password"];
    let add = add.into_iter().chain(["--config", path.to_str().unwrap()]);
    let cli = Cli::try_parse_from(add).unwrap();
    execute(cli, &Noted::default(), &mut Vec::new(), &mut Vec::new()).await.unwrap();
    assert!(folder.path().join("data/ringfence.db").exists());
    let cli = Cli::try_parse_from(["ringfence"]).unwrap();
    let config = configuration::of_dev(&cli.dev).unwrap();
    assert_eq!(config.server.data, Path::new("ringfence-dev"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let desk = Desk { data: file.path().to_owned(), ..Desk::new() };
    let failure = desk.refused("user list").await;
    assert!(failure.words.ends_with("is not a folder"), "{failure}");
}
