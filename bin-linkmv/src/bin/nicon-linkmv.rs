//! nicon-linkmv: moves network links between network namespaces.

fn main() -> std::process::ExitCode {
    nicon_linkmv::linkmv::main()
}
