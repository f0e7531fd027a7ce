//! (tmux::control)
