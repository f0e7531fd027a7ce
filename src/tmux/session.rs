//! (tmux::session)
