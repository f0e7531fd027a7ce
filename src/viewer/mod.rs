//! PURE: which frame this viewer gets, and when.
