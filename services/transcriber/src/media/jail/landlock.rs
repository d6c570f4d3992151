//! Landlock: a ruleset that names every right the kernel can take away, and grants none.

use landlock::{
    ABI, Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};

use super::Wall;

/// Files, TCP, signals and abstract sockets (Linux 6.12). An older kernel enforces what it knows of them.
const WANTED: ABI = ABI::V6;

/// Shuts off the file system, the network and other processes. Open descriptors stay usable.
pub(super) fn enforce() -> Wall {
    match restrict().map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Wall::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => Wall::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Wall::Missing,
    }
}

fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .restrict_self()
}
