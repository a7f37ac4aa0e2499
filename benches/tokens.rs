//! Checking a session token: signature, claims, and the table of ended sessions.
#![expect(clippy::expect_used, reason = "a bench that cannot set itself up must stop")]

mod support;

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence::access::{Access, Level, NewPerson};
use ringfence::base::Clock;
use ringfence::store::Store;
use ringfence::vault::Vault;

fn tokens(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (access, token) = runtime.block_on(desk(folder.path()));
    let mut group = criterion.benchmark_group("token");
    group.bench_function("check", |bencher| {
        bencher.iter(|| access.check_token(black_box(&token)).expect("good"));
    });
    let forged = format!("{}A", token.get(..token.len() - 1).unwrap_or_default());
    group.bench_function("refuse a forged one", |bencher| {
        bencher.iter(|| access.check_token(black_box(&forged)).expect_err("bad"));
    });
    group.finish();
}

async fn desk(folder: &Path) -> (Access, String) {
    let clock = Clock::system();
    let store = Store::open(folder).await.expect("a store");
    let vault = Vault::open(folder, &store, clock.unix()).await.expect("a vault");
    let access = Access::new(store, &vault, clock, "localhost");
    let person = NewPerson {
        name: "ann".into(),
        display_name: None,
        email: None,
        number: "1001".into(),
        level: Level::AGENT,
        password: None,
    };
    let person = access.add_person(&person).await.expect("a person");
    let minted = access.mint_for(&person, Level::ADMIN).await.expect("a token");
    (access, minted.token.expose().to_owned())
}

criterion_group! { name = benches; config = support::quick(); targets = tokens }
criterion_main!(benches);
