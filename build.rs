//! Compiles libopus from the C sources that the `opusic-sys` package ships, with a C compiler alone.
//!
//! `opusic-sys` would build them with cmake (feature `bundled`, off) or link a system library. A
//! clean machine has neither, so this script builds `libopus.a` the way libopus' own
//! CMakeLists.txt does for a float build: SSE to AVX2 on x86 chosen at run time, plain C
//! elsewhere, optimised in every profile. `opusic-sys` asks the linker for `-lopus`; the search
//! path printed here comes before the system's, so the static library is found first, by this
//! package and by every package that depends on it.

#![expect(clippy::expect_used, clippy::panic, reason = "a build script fails by panicking")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "opusic-sys";

fn main() {
    let out = PathBuf::from(variable("OUT_DIR"));
    let source = opus_source();
    let recipe = format!(
        "{}\n{:?}\n{}",
        source.display(),
        ["CC", "CFLAGS", "AR"].map(|name| {
            println!("cargo::rerun-if-env-changed={name}");
            env::var(name)
        }),
        include_str!("build.rs"),
    );
    // Cargo.lock is watched for a new opusic-sys; any other change to it ends here.
    let built_by = out.join("opus.recipe");
    let is_built = fs::read_to_string(&built_by).is_ok_and(|before| before == recipe);
    if !is_built || !out.join("libopus.a").exists() {
        compile_opus(&source);
        fs::write(&built_by, recipe).expect("OUT_DIR is writable");
    }
    println!("cargo::rustc-link-search=native={}", out.display());
}

/// The `opus` folder inside the `opusic-sys` package that Cargo.lock names.
fn opus_source() -> PathBuf {
    let found =
        source_in_registry().or_else(source_by_metadata).map(|package| package.join("opus"));
    match found {
        Some(source) if source.join("celt_sources.mk").is_file() => source,
        other => panic!("no libopus sources of the package {PACKAGE}: looked at {other:?}"),
    }
}

/// Looks where Cargo unpacks registry packages. Asking `cargo metadata` instead fails on a fresh
/// machine: it wants every package of the lock file, and Cargo fetched only those of this build.
fn source_in_registry() -> Option<PathBuf> {
    let manifest_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let lock =
        manifest_dir.ancestors().map(|dir| dir.join("Cargo.lock")).find(|at| at.is_file())?;
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock).ok()?;
    let entry = text.split("[[package]]").find(|entry| field(entry, "name") == Some(PACKAGE))?;
    if !field(entry, "source")?.starts_with("registry+") {
        return None;
    }
    let folder = format!("{PACKAGE}-{}", field(entry, "version")?);
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    registries.flatten().map(|registry| registry.path().join(&folder)).find(|at| at.is_dir())
}

/// `"value"` of the line `key = "value"` in one entry of a lock file.
fn field<'a>(entry: &'a str, key: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
}

/// Asks Cargo: right for vendored and patched packages, which are all on disk.
fn source_by_metadata() -> Option<PathBuf> {
    let answer = Command::new(variable("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform"])
        .arg(variable("TARGET"))
        .current_dir(variable("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout).ok()?;
    let packages = metadata.get("packages")?.as_array()?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE)?;
    Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_path_buf)
}

/// Compiles every source group and packs `OUT_DIR/libopus.a`.
fn compile_opus(source: &Path) {
    let is_x86 = matches!(variable("CARGO_CFG_TARGET_ARCH").as_str(), "x86_64" | "x86");
    let is_msvc = variable("CARGO_CFG_TARGET_ENV") == "msvc";
    let has_simd = is_x86 && !is_msvc;
    let lists = SourceLists::read(source);

    let mut common = cc::Build::new();
    common.opt_level(3).debug(false).warnings(false).cargo_metadata(false);
    common
        .includes(["", "include", "celt", "silk", "silk/float", "dnn"].map(|dir| source.join(dir)));
    let defines = [
        "OPUS_BUILD",
        "VAR_ARRAYS",
        "HAVE_LRINT",
        "HAVE_LRINTF",
        "ENABLE_HARDENING",
        "DISABLE_DEBUG_FLOAT",
    ];
    for name in defines {
        common.define(name, None);
    }
    for flag in ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"] {
        common.flag_if_supported(flag);
    }
    if has_simd {
        define_x86_dispatch(&mut common);
    }

    let mut groups: Vec<(&[&str], &[&str])> = vec![(&PLAIN, &[])];
    if has_simd {
        groups.extend(X86);
    }
    let mut objects = Vec::new();
    for (names, flags) in groups {
        let files = names.iter().flat_map(|name| lists.files(name));
        let mut group = common.clone();
        group.files(files.map(|file| source.join(file)));
        for flag in flags {
            group.flag(flag);
        }
        objects.extend(group.compile_intermediates());
    }
    common.objects(objects).compile("opus");
}

/// What CMakeLists.txt defines for "may have" SSE to AVX2, asked of the CPU when a codec is made.
/// SSE and SSE2 are part of `x86_64`, so those need no question.
fn define_x86_dispatch(build: &mut cc::Build) {
    let may_have = ["SSE", "SSE2", "SSE4_1", "AVX2"];
    for set in may_have {
        build.define(&format!("OPUS_X86_MAY_HAVE_{set}"), None);
    }
    if variable("CARGO_CFG_TARGET_ARCH") == "x86_64" {
        build.define("OPUS_X86_PRESUME_SSE", None).define("OPUS_X86_PRESUME_SSE2", None);
    }
    build.define("OPUS_HAVE_RTCD", None).define("CPU_INFO_BY_C", None);
}

/// The lists of a float build for any CPU.
const PLAIN: [&str; 5] =
    ["CELT_SOURCES", "SILK_SOURCES", "SILK_SOURCES_FLOAT", "OPUS_SOURCES", "OPUS_SOURCES_FLOAT"];

/// The lists for x86 and the flags of each: the files run only on a CPU that has the instructions.
const X86: [(&[&str], &[&str]); 5] = [
    (&["CELT_SOURCES_X86_RTCD", "SILK_SOURCES_X86_RTCD"], &[]),
    (&["CELT_SOURCES_SSE"], &["-msse"]),
    (&["CELT_SOURCES_SSE2"], &["-msse2"]),
    (&["CELT_SOURCES_SSE4_1", "SILK_SOURCES_SSE4_1"], &["-msse4.1"]),
    (
        &["CELT_SOURCES_AVX2", "SILK_SOURCES_AVX2", "SILK_SOURCES_FLOAT_AVX2"],
        &["-mavx", "-mfma", "-mavx2"],
    ),
];

/// The variables of libopus' `*_sources.mk` files.
struct SourceLists(String);

impl SourceLists {
    fn read(source: &Path) -> Self {
        let files = ["celt_sources.mk", "silk_sources.mk", "opus_sources.mk"];
        let texts = files.map(|file| {
            fs::read_to_string(source.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
        });
        Self(texts.join("\n").replace("\\\n", " "))
    }

    /// The C files of one variable; an unknown one would mean that libopus changed its lists.
    fn files(&self, variable: &str) -> Vec<&str> {
        let files = self.0.lines().find_map(|line| {
            let (name, files) = line.split_once('=')?;
            (name.trim() == variable).then(|| files.split_whitespace().collect())
        });
        files.unwrap_or_else(|| panic!("libopus has no source list {variable}"))
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name}"))
}
