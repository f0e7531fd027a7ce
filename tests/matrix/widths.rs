//! Every character and cluster has the columns that tmux gives it.

scenarios![];
