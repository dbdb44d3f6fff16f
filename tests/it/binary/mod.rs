//! The real binary over real HTTP.
