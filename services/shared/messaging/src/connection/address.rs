//! What `NATS_URL` says, taken apart: where the server is, which may be shown, and who we are, which must not be.

use std::{fmt, str::FromStr};

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use super::MessagingError;

/// A server, and what it is told of us.
#[derive(Debug)]
pub(super) struct Address {
    /// Without credentials.
    pub(super) server: ServerAddr,
    pub(super) login: Login,
}

#[derive(PartialEq, Eq)]
pub(super) enum Login {
    None,
    User { name: String, password: String },
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::User { .. } => "User",
            Self::Token(_) => "Token",
        })
    }
}

impl FromStr for Address {
    type Err = MessagingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // These reasons name no part of the address but its scheme.
        let no_address = |reason: String| MessagingError::NoAddress { reason };
        let found: ServerAddr = text.parse().map_err(|error: std::io::Error| no_address(error.to_string()))?;
        let login = login(&found)?;
        let mut url = found.into_inner();
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped.map_err(|()| no_address("it names no host".to_owned()))?;
        let server = ServerAddr::from_url(url).map_err(|error| no_address(error.to_string()))?;
        Ok(Self { server, login })
    }
}

/// A name without a password is a token, as NATS has it.
fn login(server: &ServerAddr) -> Result<Login, MessagingError> {
    Ok(match (server.username(), server.password()) {
        (None, None) => Login::None,
        (Some(token), None) => Login::Token(decoded(token)?),
        (name, Some(password)) => {
            Login::User { name: decoded(name.unwrap_or_default())?, password: decoded(password)? }
        }
    })
}

fn decoded(part: &str) -> Result<String, MessagingError> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(String::from).map_err(|_| MessagingError::NoAddress { reason: "its credentials are no text".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Login) {
        let address: Address = text.parse().unwrap();
        (address.server.as_url_str().to_owned(), address.login)
    }

    #[test]
    fn credentials_are_taken_out_and_decoded() {
        let user = |name: &str, password: &str| Login::User { name: name.to_owned(), password: password.to_owned() };
        for (text, server, login) in [
            ("nats://here:4222", "nats://here:4222", Login::None),
            ("here:4222", "nats://here:4222", Login::None),
            ("nats://me:secret@here:4222", "nats://here:4222", user("me", "secret")),
            ("tls://m%40e:a%3Ab%2F%C3%B1%25@here", "tls://here", user("m@e", "a:b/ñ%")),
            ("nats://t%2Bken@[::1]:4222", "nats://[::1]:4222", Login::Token("t+ken".to_owned())),
        ] {
            assert_eq!(parsed(text), (server.to_owned(), login), "{text}");
        }
    }

    #[test]
    fn nothing_shows_what_is_secret() {
        for text in ["nats://me:canary@here:nonsense", "http://me:canary@here", "nats://me:canary%ff@here", "me:canary"]
        {
            let error = text.parse::<Address>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
        let address: Address = "nats://canary:canary@here".parse().unwrap();
        assert!(!format!("{address:?}").contains("canary"));
    }
}
