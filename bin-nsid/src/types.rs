//! Types of namespace on the command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use nicon_core::NsType;

/// The option of both programs that chooses types of namespace.
#[derive(Debug, clap::Args)]
pub(crate) struct Types {
    /// Only these types of namespace
    #[arg(short = 'T', long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = parser())]
    types: Vec<NsType>,
}

impl Types {
    /// The chosen types; all if none is named.
    pub(crate) fn chosen(&self) -> &[NsType] {
        if self.types.is_empty() { &NsType::ALL } else { &self.types }
    }
}

/// Parses a type. Help and completions list the names.
pub(crate) fn parser() -> impl TypedValueParser<Value = NsType> {
    let value = |ns_type: NsType| PossibleValue::new(ns_type.name()).aliases(ns_type.alias());
    PossibleValuesParser::new(NsType::ALL.map(value)).try_map(|name| name.parse())
}
