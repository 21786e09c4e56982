//! What a record can ask of a link: which link, its namespace, and its attributes. Nothing here asks the kernel, so a
//! program that writes records can check them with the code that reads them.

pub mod cidr;
pub mod kind;
pub mod mac;
pub mod name;
pub mod netem;
pub mod newname;
pub mod offload;
pub mod port;
pub mod quantity;
pub mod route;
pub mod selector;
pub mod setting;
pub mod spec;
pub mod target;

pub use cidr::Cidr;
pub use kind::{Kind, KindSpec};
pub use mac::Mac;
pub use name::{Alias, AltName, LinkName};
pub use netem::Netem;
pub use newname::NewName;
pub use offload::OffloadSpec;
pub use port::{PortSpec, PortVlan, VidRange};
pub use quantity::{Percent, Rate, Time};
pub use route::{Gateway, RouteSpec};
pub use selector::Selector;
pub use setting::Setting;
pub use spec::{Keep, LinkSpec};
pub use target::Target;
