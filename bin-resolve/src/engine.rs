//! Engines: which there may be, where, and what they tell of their containers.

pub(crate) mod activation;
pub(crate) mod address;
pub(crate) mod api;
pub(crate) mod bounds;
pub(crate) mod container;
pub(crate) mod daemons;
pub(crate) mod dbus;
pub(crate) mod endpoint;
pub(crate) mod labels;
pub(crate) mod pod;
pub(crate) mod rootlesskit;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod systemd;
pub(crate) mod unix_sockets;
pub(crate) mod users;

mod passwd;
