//! nicon-veth: wires two network namespaces with a veth pair.

fn main() -> std::process::ExitCode {
    nicon_linkmv::veth::main()
}
