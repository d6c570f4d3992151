//! The closed set of outcomes that a transport has to tell apart. Each use case's error answers with one of these,
//! and each transport translates it once.

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong; sending it again changes nothing.
    Invalid,
    /// No valid credentials were given.
    Unauthenticated,
    /// Valid credentials that do not allow this.
    Forbidden,
    /// What is asked for does not exist, or not for this caller.
    NotFound,
    /// The thing is in a state that does not allow this.
    Conflict,
    /// More bytes than the limit.
    TooLarge,
    /// More than is allowed at a time; the same request may succeed later.
    TooMany,
    /// There is no room to store what was sent.
    StorageFull,
    /// A dependency is away; the same request may succeed later.
    Unavailable,
    /// A fault of ours.
    Internal,
}
