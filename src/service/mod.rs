//! EDGE: listeners, signals, life cycle.
