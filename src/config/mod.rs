//! One checked configuration from defaults, a file, the environment and flags.
//!
//! Owns the names of all settings, their types and ranges, and where secrets may be written. A
//! [`Config`] is valid by construction; every mistake is reported at once, with file and line.
//! Knows no other module but `base`.

mod dev;
mod load;
mod reader;
mod report;
mod scalar;
mod sections;
mod tls_files;
mod tree;
mod trunk;
mod trunk_uri;
mod value;
mod web_origin;

pub use dev::{DevFlags, TrunkFlag};
pub use load::ServeFlags;
pub use report::{ConfigErrors, Mistake, Origin, Setting};
pub use trunk::is_trunk_name;
pub use trunk_uri::{TrunkArgument, TrunkUri, TrunkUriError, is_host};
pub use value::{
    BuiltIn, CodecName, Config, Limits, Log, LogFormat, Media, Mode, Numbers, Outbound, Server,
    Sip, Tls, Trunk, TrunkMedia, VaultStart,
};
pub use web_origin::{NotAnOrigin, WebOrigin};
