//! Holds no code: its manifest says what the packages of all programs are called and what is in them.
