//! `ringfence dev`: this machine only, nothing to configure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::report::{ConfigErrors, Mistake, Origin};
use super::trunk_uri::TrunkArgument;
use super::value::{
    CodecName, Config, Limits, Log, LogFormat, Media, Mode, Numbers, Outbound, Server, Sip, Trunk,
    TrunkMedia, VaultStart,
};

/// The flags of `ringfence dev`.
#[derive(Clone, Debug)]
pub struct DevFlags {
    /// Plain HTTP and WS, loopback.
    pub listen: SocketAddr,
    /// HTTPS and WSS, loopback.
    pub listen_tls: SocketAddr,
    /// Prometheus metrics, loopback.
    pub listen_metrics: SocketAddr,
    /// SIP over TLS from PBXs, loopback.
    pub sip_listen: Option<SocketAddr>,
    /// Folder of database, keys and certificates.
    pub data: PathBuf,
    /// PBXs.
    pub trunks: Vec<TrunkFlag>,
    /// UDP port of the first media worker; 0 picks a free one.
    pub media_port: u16,
    /// Addresses put into SDP beside loopback.
    pub advertise: Vec<IpAddr>,
    /// Log filter.
    pub log: String,
    /// Log layout.
    pub log_format: LogFormat,
}

/// One `--trunk` with what goes with it.
#[derive(Clone, Debug)]
pub struct TrunkFlag {
    /// Where and who.
    pub argument: TrunkArgument,
    /// `--trunk-ca`.
    pub ca: Option<PathBuf>,
    /// `--trunk-media`.
    pub media: TrunkMedia,
}

impl Default for DevFlags {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            listen_tls: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)),
            listen_metrics: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            sip_listen: None,
            data: PathBuf::from("ringfence-dev"),
            trunks: Vec::new(),
            media_port: 0,
            advertise: Vec::new(),
            log: "info".into(),
            log_format: LogFormat::Auto,
        }
    }
}

impl Config {
    /// The configuration of development mode.
    ///
    /// # Errors
    /// Every mistake: listeners that are not loopback, a certificate authority that cannot be read.
    pub fn dev(flags: DevFlags) -> Result<Self, ConfigErrors> {
        let mut mistakes = Vec::new();
        for (flag, address) in [
            ("--listen", Some(flags.listen)),
            ("--listen-tls", Some(flags.listen_tls)),
            ("--listen-metrics", Some(flags.listen_metrics)),
            ("--sip-listen", flags.sip_listen),
        ] {
            if address.is_some_and(|address| !address.ip().is_loopback()) {
                mistakes.push(Mistake {
                    origin: Origin::Flag(flag),
                    key: String::new(),
                    what: "development mode serves this machine only".into(),
                    fix: Some("give a loopback address, or run `ringfence serve`".into()),
                });
            }
        }
        let trunks = trunks(&flags.trunks, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(ConfigErrors(mistakes));
        }
        Ok(Self {
            mode: Mode::Development,
            server: Server {
                listen_tls: vec![flags.listen_tls],
                listen_redirect: Vec::new(),
                trusted_proxies: Vec::new(),
                listen_plain: Some(flags.listen),
                listen_metrics: Some(flags.listen_metrics),
                public_host: "localhost".into(),
                origins: Vec::new(),
                data: flags.data,
            },
            tls: None,
            sip: Sip { listen: flags.sip_listen.into_iter().collect(), ca: None, advertise: None },
            media: Media {
                bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
                port: flags.media_port,
                workers: 0,
                advertise: flags.advertise,
                trunk_port: 0,
            },
            database: None,
            vault: VaultStart::default(),
            // Identity providers and mail servers of a developer run on this machine.
            outbound: Outbound { allow: loopback(), origins: Vec::new(), ca: None },
            trunks,
            numbers: Numbers::default(),
            limits: Limits { calls: 1_000, phones: 5_000 },
            log: Log { filter: flags.log, format: flags.log_format },
            settings: Vec::new(),
        })
    }
}

fn loopback() -> Vec<IpNet> {
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(IpNet::from).into()
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            echo: "*43".into(),
            tone: "*44".into(),
            other_phone: "*45".into(),
            read_back: "*46".into(),
        }
    }
}

fn trunks(flags: &[TrunkFlag], mistakes: &mut Vec<Mistake>) -> Vec<Trunk> {
    let mut trunks = Vec::new();
    for (index, flag) in flags.iter().enumerate() {
        let ca_pem = flag.ca.as_ref().and_then(|path| match std::fs::read_to_string(path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                mistakes.push(Mistake {
                    origin: Origin::Flag("--trunk-ca"),
                    key: String::new(),
                    what: format!("{} cannot be read: {error}", path.display()),
                    fix: None,
                });
                None
            }
        });
        let argument = &flag.argument;
        trunks.push(Trunk {
            name: if index == 0 { "pbx".into() } else { format!("pbx-{}", index + 1) },
            uri: argument.uri.clone(),
            register: argument.user.is_some(),
            user: argument.user.clone(),
            password: argument.password.clone(),
            ca_pem,
            media: flag.media,
            codecs: vec![CodecName::Opus, CodecName::Pcma, CodecName::Pcmu],
            domain: None,
        });
    }
    trunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_mode_binds_loopback_only() {
        let config = Config::dev(DevFlags::default()).unwrap();
        assert_eq!(config.server.listen_plain.unwrap().port(), 8080);
        let open = DevFlags { listen: "0.0.0.0:8080".parse().unwrap(), ..DevFlags::default() };
        let error = Config::dev(open).unwrap_err().to_string();
        assert!(error.contains("--listen") && error.contains("ringfence serve"), "{error}");
    }
}
