//! Programs that ask for colours or the theme get the driver's.

scenarios![];
