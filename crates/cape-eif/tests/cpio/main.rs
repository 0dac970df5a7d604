//! Archives in the form newc: the bytes that are written, and what is read or refused.

mod reading;
mod round_trip;
mod writing;
