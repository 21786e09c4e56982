//! nicon-wire: wires a whole plan.

fn main() -> std::process::ExitCode {
    nicon_linkmv::wire::main()
}
