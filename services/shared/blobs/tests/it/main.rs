//! The folder store as it is used: when there is no room, and when somebody was killed.

mod full;
mod listing;
mod ranges;
