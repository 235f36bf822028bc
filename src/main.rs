//! The program: sets up TLS and the runtime, then does what the command line says.

use std::process::ExitCode;

use clap::Parser;
use hallpass::cli::Cli;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return hallpass::cli::failed("TLS could not be set up");
    }
    // What tests make fail, by the variable `FAILPOINTS`; kept until the end.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(hallpass::cli::run(cli)),
        Err(error) => hallpass::cli::failed(&format!("the runtime can't be started: {error}")),
    }
}
