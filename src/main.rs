//! The `ringfence` command.

use std::path::PathBuf;
use std::process::ExitCode;

use ringfence::base::{Clock, Secret};
use ringfence::cli::{DevShow, Exit, Failure, Hooks, TestStep, run};
use ringfence::config::Config;
use ringfence::engine::test_trunk;
use ringfence::run::{Presentation, RunError, dev, serve};
use ringfence::server::{StartError, prepare_process};
use ringfence::store::TrunkRow;

fn main() -> ExitCode {
    prepare_process();
    run(std::env::args_os(), &Real)
}

/// The command line's hooks on the real server.
struct Real;

impl Hooks for Real {
    async fn dev(&self, config: Config, show: DevShow) -> Result<(), Failure> {
        let presentation =
            Presentation { json: show == DevShow::Json, open: show == DevShow::WordsAndBrowser };
        Box::pin(dev(config, presentation)).await.map_err(|error| failed(&error))
    }

    async fn serve(&self, config: Config) -> Result<(), Failure> {
        Box::pin(serve(config)).await.map_err(|error| failed(&error))
    }

    async fn test_trunk(
        &self,
        trunk: &TrunkRow,
        password: Option<Secret>,
        ca_file: Option<PathBuf>,
    ) -> Vec<TestStep> {
        let report = Box::pin(test_trunk(&Clock::system(), trunk, password, ca_file)).await;
        report
            .steps
            .into_iter()
            .map(|step| TestStep {
                step: step.step,
                ok: step.ok,
                detail: step.detail,
                took_ms: step.took_ms,
            })
            .collect()
    }
}

fn failed(error: &RunError) -> Failure {
    // A root key that does not open the data is a fault of the set-up, not of the program.
    let exit = match error {
        RunError::Start(StartError::Vault(_)) => Exit::Config,
        RunError::Start(_) | RunError::Access(_) | RunError::Present(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}
