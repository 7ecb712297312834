//! The client. All of it is in the library's `cli`.

fn main() -> std::process::ExitCode {
    ebb::cli::main(std::env::args_os())
}
