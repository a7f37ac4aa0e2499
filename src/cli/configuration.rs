//! `ringfence config`, and the flags of `dev` and `serve` as configurations.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::json;

use super::args::{ConfigCommand, Dev, MediaArg, Serve};
use super::failure::{Exit, Failure};
use super::output;
use crate::config::{
    Config, ConfigErrors, DevFlags, LogFormat, ServeFlags, TrunkArgument, TrunkFlag, TrunkMedia,
};

/// The configuration of `ringfence dev`.
pub(super) fn of_dev(dev: &Dev) -> Result<Config, Failure> {
    let trunks = trunks(dev)?;
    let standard = DevFlags::default();
    let listen_metrics = dev.listen_metrics.unwrap_or_else(|| {
        // Whoever wants free ports wants them everywhere.
        match dev.listen.port() {
            0 => SocketAddr::new(standard.listen_metrics.ip(), 0),
            _ => standard.listen_metrics,
        }
    });
    let flags = DevFlags {
        listen: dev.listen,
        listen_tls: dev.listen_tls,
        listen_metrics,
        sip_listen: dev.sip_listen,
        data: dev.data.clone().unwrap_or(standard.data),
        trunks,
        media_port: dev.media_port,
        advertise: dev.advertise.clone(),
        log: dev.log.clone(),
        log_format: LogFormat::Auto,
    };
    Ok(Config::dev(flags)?)
}

fn trunks(dev: &Dev) -> Result<Vec<TrunkFlag>, Failure> {
    let usage = |words: String| Failure::words(Exit::Usage, words);
    let count = dev.trunk.len();
    for (flag, given) in
        [("--trunk-ca", dev.trunk_ca.len()), ("--trunk-media", dev.trunk_media.len())]
    {
        if given > 0 && count == 0 {
            return Err(usage(format!("{flag} says something about a --trunk, and there is none")));
        }
        if given > 1 && given != count {
            return Err(usage(format!("give {flag} once for all trunks or once for each --trunk")));
        }
    }
    let mut trunks = Vec::new();
    for (index, uri) in dev.trunk.iter().enumerate() {
        // The text may hold a password: the error says what, not which.
        let argument: TrunkArgument =
            uri.expose().parse().map_err(|error| usage(format!("--trunk: {error}")))?;
        if argument.user.is_some() && argument.password.is_none() {
            let words = "--trunk: a user needs a password: sips:USER:PASSWORD@HOST:PORT; or leave \
                         --trunk out and give it when asked: ringfence trunk add NAME \
                         sips:USER@HOST:PORT";
            return Err(usage(words.into()));
        }
        let ca = dev.trunk_ca.get(index).or(dev.trunk_ca.first()).cloned();
        let media = dev.trunk_media.get(index).or(dev.trunk_media.first()).copied();
        let media = TrunkMedia::from(media.unwrap_or(MediaArg::Srtp));
        trunks.push(TrunkFlag { argument, ca, media });
    }
    Ok(trunks)
}

/// The configuration of `ringfence serve`.
pub(super) fn of_serve(serve: &Serve) -> Result<Config, Failure> {
    let flags = ServeFlags {
        listen_tls: serve.listen_tls.clone(),
        data: serve.data.clone(),
        log: serve.log.clone(),
    };
    Ok(Config::load(Some(&serve.file.config), environment(), &flags)?)
}

fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()))
        .collect()
}

pub(super) fn config(command: ConfigCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check { file, json } => {
            let loaded = Config::load(Some(&file.config), environment(), &ServeFlags::default());
            match loaded {
                Ok(_) if json => output::json(out, &json!({"ok": true, "mistakes": []}))?,
                Ok(_) => writeln!(out, "{} is valid", file.config.display())?,
                Err(errors) => {
                    if json {
                        output::json(out, &mistakes(&errors))?;
                    }
                    return Err(errors.into());
                }
            }
        }
        ConfigCommand::Show { file, json } => {
            let config = Config::load(Some(&file.config), environment(), &ServeFlags::default())?;
            show(&config, json, out)?;
        }
    }
    Ok(())
}

fn mistakes(errors: &ConfigErrors) -> serde_json::Value {
    let mistakes: Vec<_> = errors
        .0
        .iter()
        .map(|mistake| {
            json!({
                "where": mistake.origin.to_string(), "key": mistake.key,
                "what": mistake.what, "fix": mistake.fix,
            })
        })
        .collect();
    json!({"ok": false, "mistakes": mistakes})
}

fn show(config: &Config, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    if as_json {
        let settings: Vec<_> = config
            .settings
            .iter()
            .map(|s| json!({"key": s.key, "value": s.value, "origin": s.origin.to_string()}))
            .collect();
        return output::json(out, &settings);
    }
    let rows = config
        .settings
        .iter()
        .map(|setting| vec![setting.key.clone(), setting.value.clone(), setting.origin.to_string()])
        .collect();
    output::table(out, &["setting", "value", "from"], rows)?;
    Ok(())
}
