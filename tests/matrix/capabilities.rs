//! Terminal capabilities that a configuration can force on a client are rendered or made impossible.

scenarios![];
