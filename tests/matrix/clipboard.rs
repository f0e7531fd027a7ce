//! Copies to the clipboard reach the viewers.

scenarios![];
