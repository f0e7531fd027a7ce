//! Extended keys: viewers learn what a pane asked for, and keys arrive in the form it asked for.

scenarios![];
