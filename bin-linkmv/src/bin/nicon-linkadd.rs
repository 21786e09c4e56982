//! nicon-linkadd: makes links of any kind in network namespaces.

fn main() -> std::process::ExitCode {
    nicon_linkmv::linkadd::main()
}
