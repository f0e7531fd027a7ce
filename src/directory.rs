//! (directory)
