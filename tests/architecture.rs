//! The shape of the tree: layers import only from those above them, and what is pure stays pure.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of `src/lib.rs`: each may use itself and those before it.
const LAYERS: [&str; 19] = [
    "base",
    "config",
    "telemetry",
    "sip",
    "media",
    "sdp",
    "call",
    "store",
    "vault",
    "access",
    "net",
    "mail",
    "oidc",
    "engine",
    "http",
    "cli",
    "server",
    "run",
    "main",
];

/// Machines and formats: no socket, task, thread, lock or clock of their own.
const PURE: [&str; 5] = ["base", "sip", "media", "sdp", "call"];

/// What pure modules may not name.
const IMPURE: [&str; 8] = [
    "tokio::",
    "std::thread",
    "std::fs",
    "UdpSocket",
    "TcpStream",
    "Mutex",
    "RwLock",
    "Instant::now()",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(source_folder()).expect("inside src");
    let first = inside.components().next().expect("a component").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file before its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    let before_tests =
        text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "properties.rs"))
    })
}

/// The first module named by each `crate::…` path.
fn imports(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| LAYERS.contains(&name.as_str()))
        .collect()
}

#[test]
fn each_layer_imports_only_from_those_above_it() {
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut wrong = Vec::new();
    for path in sources(&source_folder()) {
        let module = module_of(&path);
        if module == "lib" || is_test(&path) {
            continue;
        }
        let own =
            rank(&module).unwrap_or_else(|| panic!("{module} is on no layer: add it to LAYERS"));
        for import in imports(&code(&path)) {
            if rank(&import).is_some_and(|other| other > own) {
                wrong.push(format!("{} uses {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_owns_no_socket_clock_task_or_lock() {
    let mut wrong = Vec::new();
    for path in sources(&source_folder()) {
        if !PURE.contains(&module_of(&path).as_str())
            || is_test(&path)
            || path.ends_with("base/clock.rs")
        {
            continue;
        }
        let code = code(&path);
        for word in IMPURE {
            if code.contains(word) {
                wrong.push(format!("{} names {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_file() {
    let allowed = source_folder().join("net/udp.rs");
    let unsafe_files: Vec<_> = sources(&source_folder())
        .into_iter()
        .filter(|path| code(path).contains("unsafe {") || code(path).contains("unsafe fn"))
        .filter(|path| *path != allowed)
        .collect();
    assert!(unsafe_files.is_empty(), "{unsafe_files:?}");
}
