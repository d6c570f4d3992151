//! Finding jobs by the words of their titles, file names and transcripts. Both engines get the same words: they are
//! split and folded here, so that PostgreSQL and SQLite have nothing left to decide about languages.
//!
//! Writers know nothing of this. Triggers note which chunk or job is stale, and [`index_stale`] reads that text again,
//! a moment later. `search_parts` holds the words of a title with its file name, or of a chunk, in order, for phrases
//! and to find the place; `search_jobs` holds each word of a job once, for the search itself.

mod highlight;
mod index;
mod query;
mod tokens;

pub use highlight::{Field, Highlight, Piece, highlights};
pub use index::index_stale;
pub use query::{MAX_QUERY_CHARS, MAX_QUERY_WORDS, Query, QueryError};
