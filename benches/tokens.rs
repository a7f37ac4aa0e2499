//! Checking who somebody is: a session token, and a session's cookie.
#![expect(clippy::expect_used, reason = "a bench that cannot set itself up must stop")]

mod support;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use ringfence::access::audit::Audit;
use ringfence::access::{Access, AccessParts, Client, Letter, Mailbox};
use ringfence::base::Clock;
use ringfence::store::Store;
use ringfence::vault::Vault;

/// Throws mail away.
struct NoMail;

impl Mailbox for NoMail {
    fn post(&self, _: &str, _: Letter) {}
}

struct Known {
    access: Access,
    token: String,
    cookie: String,
    client: Client,
}

fn tokens(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let Known { access, token, cookie, client } = runtime.block_on(desk(folder.path()));
    let mut group = criterion.benchmark_group("token");
    group.bench_function("check", |bencher| {
        bencher.iter(|| access.check_token(black_box(&token)).expect("good"));
    });
    let (head, tail) = token.split_at(token.len() - 20);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}{other}{}", tail.get(1..).unwrap_or_default());
    group.bench_function("refuse a forged one", |bencher| {
        bencher.iter(|| access.check_token(black_box(&forged)).expect_err("bad"));
    });
    group.finish();
    let mut group = criterion.benchmark_group("cookie");
    runtime.block_on(access.follow()).expect("news");
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            // Ready at once: nothing of it waits for the database.
            let checked = access.check_cookie(black_box(&cookie), &client).now_or_never();
            checked.expect("no wait").expect("good")
        });
    });
    group.finish();
}

async fn desk(folder: &Path) -> Known {
    let clock = Clock::system();
    let store = Store::open(folder).await.expect("a store");
    let vault = Vault::open(folder, &store, clock.unix()).await.expect("a vault");
    let vault = Arc::new(vault);
    let audit = Audit::open(store.clone(), vault.clone(), folder, clock.clone());
    let parts = AccessParts {
        store,
        vault,
        audit: audit.await.expect("an audit"),
        clock,
        issuer: "localhost".into(),
        mailbox: Arc::new(NoMail),
    };
    let access = Access::open(parts).await.expect("a desk");
    let agents = access.dev_agents().await.expect("people");
    let agent = agents.first().expect("somebody");
    let client = Client::new(Some("bench"), Some([192, 0, 2, 1].into()));
    let key = access.start_links().make(agent.member.user.id).expect("a link");
    let signed_in = access.sign_in().start(key.expose(), &client).await.expect("a session");
    let token = agent.token.expose().to_owned();
    Known { token, cookie: signed_in.cookie.expose().to_owned(), client, access }
}

criterion_group! { name = benches; config = support::quick(); targets = tokens }
criterion_main!(benches);
