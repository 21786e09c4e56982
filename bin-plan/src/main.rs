//! nicon-plan: turns a lab's wiring in YAML into records for nicon-resolve and the programs for links.

fn main() -> std::process::ExitCode {
    nicon_plan::main()
}
