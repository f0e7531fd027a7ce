//! (tmux::attach)
