//! A lone Escape reaches the program without delay.

scenarios![];
