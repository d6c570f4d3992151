//! What can go wrong with the database, told apart only as far as a caller can act on it.

use escriba_domain::ErrorKind;
use sea_orm::{DbErr, RuntimeErr};

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached, is busy, or is shutting down: the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// It takes the call and does not answer.
    #[error("the database does not answer")]
    Silent,
    /// No room to write.
    #[error("the database has no space left")]
    Full(#[source] DbErr),
    #[error("the database refused a statement")]
    Statement(#[source] DbErr),
    /// A row holds something this version cannot read.
    #[error("the database holds a {what} that cannot be read: {value}")]
    Corrupt { what: &'static str, value: String },
    #[error("DATABASE_URL is not usable: {0}")]
    Url(String),
}

impl DatabaseError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable(_) | Self::Silent => ErrorKind::Unavailable,
            Self::Full(_) => ErrorKind::StorageFull,
            Self::Statement(_) | Self::Corrupt { .. } => ErrorKind::Internal,
            Self::Url(_) => ErrorKind::Invalid,
        }
    }

    pub(crate) fn corrupt(what: &'static str, value: &impl ToString) -> Self {
        Self::Corrupt { what, value: value.to_string() }
    }
}

impl From<DbErr> for DatabaseError {
    fn from(error: DbErr) -> Self {
        match classify(&error) {
            Fault::Away => Self::Unavailable(error),
            Fault::Full => Self::Full(error),
            Fault::Other => Self::Statement(error),
        }
    }
}

enum Fault {
    Away,
    Full,
    Other,
}

fn classify(error: &DbErr) -> Fault {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => classify_driver(inner),
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Fault::Away,
        _ => Fault::Other,
    }
}

/// SQLite: 5 busy, 6 locked, 10 I/O error, 13 full, 14 cannot open. PostgreSQL: class 08 connection, 57P
/// operator intervention (shutdown, crash recovery, timeouts), 25P03 idle too long, 40 serialisation and deadlock, 53100 disk
/// full, 53300 too many connections, 55P03 waited too long for a lock.
fn classify_driver(error: &sea_orm::sqlx::Error) -> Fault {
    use sea_orm::sqlx::Error;
    match error {
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::Protocol(_) => {
            Fault::Away
        }
        Error::Database(database) => match database.code().as_deref() {
            Some("13" | "53100") => Fault::Full,
            Some("5" | "6" | "10" | "14" | "261" | "517") => Fault::Away,
            Some(code)
                if code.len() == 5
                    && ["08", "25P03", "40", "53300", "55P03", "57"].iter().any(|class| code.starts_with(class)) =>
            {
                Fault::Away
            }
            _ => Fault::Other,
        },
        _ => Fault::Other,
    }
}
