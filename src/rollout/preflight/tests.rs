//! Each judge finds what is planted, and nothing in a clean tenant.
