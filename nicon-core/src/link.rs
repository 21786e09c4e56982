//! What records ask of links: by what they are known, where they are, and what they are to be like. No kernel is asked here:
//! whoever writes a record can check it by the very code that reads it.

pub mod cidr;
pub mod mac;
pub mod name;
pub mod newname;
pub mod route;
pub mod selector;
pub mod target;
pub mod wish;

pub use cidr::Cidr;
pub use mac::Mac;
pub use name::{Alias, AltName, LinkName};
pub use newname::NewName;
pub use route::{Gateway, RouteSpec};
pub use selector::Selector;
pub use target::Target;
pub use wish::{Keep, Wish};
