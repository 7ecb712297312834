//! The resident daemon.

fn main() -> std::process::ExitCode {
    ebb::daemon::main(std::env::args_os())
}
