//! What people type into a search: words, "phrases" and begin*. Everything else in it is text, so nothing they type is
//! an error of syntax.

use escriba_domain::WorkspaceId;

use super::tokens::tokens;

pub const MAX_QUERY_CHARS: usize = 500;
pub const MAX_QUERY_WORDS: usize = 64;

/// All of its terms must be found in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(super) terms: Vec<Term>,
}

/// Words that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) words: Vec<String>,
    /// Whether the last word is only the beginning of one.
    pub(super) prefix: bool,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QueryError {
    #[error("The search has {chars} characters; at most {MAX_QUERY_CHARS} are taken.")]
    TooLong { chars: usize },
    #[error("The search has {words} words; at most {MAX_QUERY_WORDS} are taken.")]
    TooManyWords { words: usize },
}

impl Query {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let chars = text.chars().count();
        if chars > MAX_QUERY_CHARS {
            return Err(QueryError::TooLong { chars });
        }
        let mut terms = Vec::new();
        let mut rest = text;
        // A quote that nothing closes is none.
        while let Some((before, (phrase, after))) =
            rest.split_once('"').and_then(|(before, after)| Some((before, after.split_once('"')?)))
        {
            add_words(&mut terms, before);
            add(&mut terms, phrase, false);
            rest = after;
        }
        add_words(&mut terms, rest);
        let words = terms.iter().map(|term| term.words.len()).sum();
        if words > MAX_QUERY_WORDS { Err(QueryError::TooManyWords { words }) } else { Ok(Self { terms }) }
    }

    /// Nothing in it can be looked for, so nothing is found.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The words a job must have, each once, as the index has them, and whether it is only the beginning of one.
    pub(super) fn lexemes(&self, workspace: WorkspaceId) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        for term in &self.terms {
            for (nth, word) in term.words.iter().enumerate() {
                let lexeme = (lexeme(workspace, word), term.prefix && nth + 1 == term.words.len());
                if !found.contains(&lexeme) {
                    found.push(lexeme);
                }
            }
        }
        found
    }

    /// As PostgreSQL wants it.
    pub(crate) fn as_tsquery(&self, workspace: WorkspaceId) -> String {
        let lexemes = self.lexemes(workspace).into_iter();
        lexemes
            .map(|(word, prefix)| if prefix { format!("'{word}':*") } else { format!("'{word}'") })
            .collect::<Vec<_>>()
            .join(" & ")
    }

    /// As SQLite's FTS5 wants it.
    pub(crate) fn as_match(&self, workspace: WorkspaceId) -> String {
        let lexemes = self.lexemes(workspace).into_iter();
        lexemes
            .map(|(word, prefix)| if prefix { format!("\"{word}\"*") } else { format!("\"{word}\"") })
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// What must stand in one of a job's parts, as it stands there. Single words are left out: the index knows them.
    pub(crate) fn phrases(&self) -> impl Iterator<Item = String> {
        self.terms.iter().filter(|term| term.words.len() > 1).map(Term::in_parts)
    }

    /// Each term as it stands in parts.
    pub(super) fn in_parts(&self) -> impl Iterator<Item = String> {
        self.terms.iter().map(Term::in_parts)
    }
}

impl Term {
    fn in_parts(&self) -> String {
        let end = if self.prefix { "" } else { " " };
        format!(" {}{end}", self.words.join(" "))
    }
}

/// Words carry a mark of their workspace, so that what others have very often costs nobody a long search. Two
/// workspaces may share a mark: it tells nobody's jobs apart.
pub(super) fn lexeme(workspace: WorkspaceId, word: &str) -> String {
    let bytes = workspace.as_uuid().into_bytes();
    format!("{:02x}{:02x}{word}", bytes[14], bytes[15])
}

fn add_words(terms: &mut Vec<Term>, text: &str) {
    for piece in text.split_whitespace() {
        add(terms, piece.trim_end_matches('*'), piece.ends_with('*'));
    }
}

/// What is written without blanks, such as `follow-up`, is a phrase.
fn add(terms: &mut Vec<Term>, text: &str, prefix: bool) {
    let found = tokens(text);
    let touches_end = found.last().is_some_and(|last| last.place.end == text.len());
    let words: Vec<_> = found.into_iter().map(|token| token.word).collect();
    let term = Term { words, prefix: prefix && touches_end };
    if !term.words.is_empty() && !terms.contains(&term) {
        terms.push(term);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<(String, bool)> {
        let query = Query::parse(text).unwrap();
        query.terms.into_iter().map(|term| (term.words.join(" "), term.prefix)).collect()
    }

    fn whole(words: &[&str]) -> Vec<(String, bool)> {
        words.iter().map(|&word| (word.to_owned(), false)).collect()
    }

    #[test]
    fn words_phrases_and_beginnings_are_told_apart() {
        assert_eq!(terms("Budget merger budget"), whole(&["budget", "merger"]));
        assert_eq!(terms("a \"New  York\" b"), whole(&["a", "new york", "b"]));
        assert_eq!(terms("fin* José*"), [("fin".to_owned(), true), ("jose".to_owned(), true)]);
        assert_eq!(terms("follow-up*"), [("follow up".to_owned(), true)]);
        assert_eq!(terms("\"fin*\""), whole(&["fin"]));
    }

    #[test]
    fn nothing_is_an_error_of_syntax() {
        assert_eq!(terms("AND OR NOT ( ) * - : ^ { } + NEAR/2"), whole(&["and", "or", "not", "near 2"]));
        assert_eq!(terms("title:x -y 'z' \\ <-> & | !"), whole(&["title x", "y", "z"]));
        assert_eq!(terms("open \"quote here"), whole(&["open", "quote", "here"]));
        assert_eq!(terms("\"\" \"*\" * ** \"'"), []);
        assert_eq!(terms("a!*"), whole(&["a"]));
    }

    #[test]
    fn what_is_endless_is_refused() {
        assert_eq!(Query::parse(&"x".repeat(501)), Err(QueryError::TooLong { chars: 501 }));
        let many = (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(Query::parse(&many), Err(QueryError::TooManyWords { words: 65 }));
    }

    #[test]
    fn engines_are_asked_for_quoted_words_alone() {
        let workspace = WorkspaceId::from(uuid::Uuid::from_u128(0xabcd));
        let query = Query::parse("it's \"new york\" or x*").unwrap();
        assert_eq!(query.as_tsquery(workspace), "'abcdit' & 'abcds' & 'abcdnew' & 'abcdyork' & 'abcdor' & 'abcdx':*");
        let fts = "\"abcdit\" AND \"abcds\" AND \"abcdnew\" AND \"abcdyork\" AND \"abcdor\" AND \"abcdx\"*";
        assert_eq!(query.as_match(workspace), fts);
        assert_eq!(query.phrases().collect::<Vec<_>>(), [" it s ", " new york "]);
    }
}
