//! A locked session is locked for every viewer.

scenarios![];
