//! People at terminals of their own find tmux as it is without muxview: focus, size, activity, flags.

scenarios![];
