//! Where things lie in the repository.

use std::path::PathBuf;

/// The folder that holds the workspace's `Cargo.toml`.
pub fn repo_root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).expect("services/shared/test-support lies three folders deep").to_owned()
}

/// A file of `docs/samples`, such as `english.m4a`.
pub fn sample(name: &str) -> PathBuf {
    let path = repo_root().join("docs/samples").join(name);
    assert!(path.is_file(), "there is no sample {}", path.display());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_here() {
        assert!(repo_root().join("migrations/Cargo.toml").is_file());
    }
}
