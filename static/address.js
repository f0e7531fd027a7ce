// Where a session lives below the base path. No DOM.

/** Names that stand in a URL as they are; every other session is addressed by tmux's id. */
const PLAIN = /^(?!\.+$)[A-Za-z0-9_.@-]+$/;

/** Names muxview may give to a session it creates. */
export const CREATABLE = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;

/** The last part of a session's URL: its name where that is plain, else its id. */
export const addressOf = ({ id, name }) => (PLAIN.test(name) ? name : id);

/** The address in the path of a session page: its last part. */
export function addressIn(pathname) {
  const part = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not percent-encoded text: the server will not know it either
  }
}
