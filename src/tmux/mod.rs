//! Everything that talks to tmux. [`Server`] is the entry; nothing here knows browsers.
//!
//! | module | what it does |
//! |---|---|
//! | [`attach`] | one `tmux attach` in a pty, and the terminal it believes it has |
//! | [`control`] | the connection to the server: events, questions, status |
//! | [`query`] | what is asked: sessions, windows, clients, widths of characters |
//! | `server` | [`Server`]: one tmux server, and all that can be asked of it |
//! | `command`, `server_start`, `start_command` | the tmux program: command lines, time-outs, starting a server that outlives us |
//! | `holder` | clients that keep a session alive while muxview is away |
//! | `ids`, `server_id`, `version`, `terminfo`, `theme`, `error` | the values these exchange |

pub mod attach;
mod command;
pub mod control;
mod error;
mod holder;
pub mod ids;
pub mod query;
mod server;
mod server_id;
mod server_start;
mod start_command;
mod terminfo;
mod theme;
mod version;

pub use attach::client::{Attach, Transfer};
pub use attach::exit_status::Ended;
pub use attach::process::{end_clients, is_client, reap};
pub use command::{Socket, exclusively};
pub use control::event::Event;
pub use control::server_connection::Status;
pub use control::size_guard::Follower;
pub use error::Error;
pub use holder::Holder;
pub use ids::{SessionId, SessionName, WindowId};
pub use query::client_info::{Epoch, Whereabouts};
pub use query::overlay::Overlay;
pub use query::session_state::SessionState;
pub use query::sessions::{NewSession, Session};
pub use query::windows::{StatusLine, Window, WindowAct, Windows};
pub(crate) use server::QUERY_SECONDS;
pub use server::Server;
pub use server_id::{Creation, ServerId};
pub use terminfo::described as terminal_described;
pub use theme::{Rgb, Theme};
pub use version::Version;
