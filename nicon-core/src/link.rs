//! What a record can ask of a link: which link, its namespace, and its attributes. Nothing here asks the kernel, so a
//! program that writes records can check them with the code that reads them.

pub mod cidr;
pub mod kind;
pub mod mac;
pub mod name;
pub mod newname;
pub mod route;
pub mod selector;
pub mod spec;
pub mod target;

pub use cidr::Cidr;
pub use kind::{Kind, KindSpec};
pub use mac::Mac;
pub use name::{Alias, AltName, LinkName};
pub use newname::NewName;
pub use route::{Gateway, RouteSpec};
pub use selector::Selector;
pub use spec::{Keep, LinkSpec};
pub use target::Target;
