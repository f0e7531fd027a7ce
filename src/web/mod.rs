//! EDGE: everything that talks to browsers.
