//! temporary
use ringfence::config::*;
fn main(){
    ringfence::server::prepare_process();
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str| a.iter().position(|x| x==k).and_then(|i| a.get(i+1)).cloned();
    let mut f = DevFlags{ data: get("--data").unwrap_or("/tmp/rfdata".into()).into(), ..DevFlags::default() };
    if let Some(l)=get("--listen"){f.listen=l.parse().unwrap();}
    if let Some(l)=get("--listen-tls"){f.listen_tls=l.parse().unwrap();}
    if let Some(l)=get("--sip-listen"){f.sip_listen=Some(l.parse().unwrap());}
    f.listen_metrics="127.0.0.1:0".parse().unwrap();
    if let Some(t)=get("--trunk"){ f.trunks.push(TrunkFlag{argument:t.parse().unwrap(), ca:get("--trunk-ca").map(Into::into), media: if get("--trunk-media").as_deref()==Some("rtp"){TrunkMedia::Rtp}else{TrunkMedia::Srtp}}); }
    let c = Config::dev(f).map_err(|e| eprintln!("{e}")).unwrap();
    let _ = tracing_subscriber::fmt().with_env_filter(get("--log").unwrap_or("info".into())).with_writer(std::io::stderr).try_init();
    let rt = tokio::runtime::Runtime::new().unwrap();
    let r = rt.block_on(ringfence::run::dev(c, ringfence::run::Presentation{json: a.contains(&"--json".to_string()), open:false}));
    if let Err(e)=r { eprintln!("error: {e}"); std::process::exit(1) }
}
