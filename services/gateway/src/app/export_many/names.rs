//! Names of files in an archive: each once, on file systems too that do not tell `A` from `a`.

use std::collections::HashSet;

#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// The name, or, if it is taken, the name with the next free number before its extension.
    pub(super) fn take(&mut self, name: &str) -> String {
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name, String::new()),
        };
        let mut free = name.to_owned();
        let mut number = 1;
        while !self.0.insert(free.to_lowercase()) {
            number += 1;
            free = format!("{stem} ({number}){extension}");
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_taken_once() {
        let mut names = Names::default();
        let taken: Vec<_> =
            ["a.srt", "A.srt", "a.vtt", "a.srt", "a (2).srt", "none", "none"].map(|name| names.take(name)).into();
        assert_eq!(taken, ["a.srt", "A (2).srt", "a.vtt", "a (3).srt", "a (2) (2).srt", "none", "none (2)"]);
    }
}
