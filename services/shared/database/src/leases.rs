//! Leases: what one process at a time may do, such as relaying. Expiry is judged by the database's clock.
//!
//! A holder that was frozen does not hear that its lease has gone to another. Whoever does something that only the
//! holder may do asks a clock of its own first, counting from before the call that acquired the lease.

use std::time::Duration;

use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::OnConflict};

use crate::{Database, DatabaseError, clock, entity::lease};

/// Takes the lease for `time` from now, or renews it for the same holder. `false` while another holds it.
pub async fn acquire(db: &Database, name: &str, holder: &str, time: Duration) -> Result<bool, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let row =
        lease::ActiveModel { name: Set(name.to_owned()), holder: Set(holder.to_owned()), expires_at: Set(now + time) };
    let mine_or_nobodys = Condition::any().add(lease::Column::Holder.eq(holder)).add(lease::Column::ExpiresAt.lte(now));
    let take_over = OnConflict::column(lease::Column::Name)
        .update_columns([lease::Column::Holder, lease::Column::ExpiresAt])
        .action_and_where(mine_or_nobodys.into())
        .to_owned();
    let taken = lease::Entity::insert(row).on_conflict(take_over).exec_without_returning(&db.connection).await?;
    Ok(taken == 1)
}

/// Gives the lease back before its time. It has no effect when another holds it.
pub async fn release(db: &Database, name: &str, holder: &str) -> Result<(), DatabaseError> {
    let mine = lease::Column::Holder.eq(holder);
    lease::Entity::delete_by_id(name).filter(mine).exec(&db.connection).await?;
    Ok(())
}
