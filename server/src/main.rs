//! The program `lianlian`.

fn main() -> std::process::ExitCode {
    server::main()
}
