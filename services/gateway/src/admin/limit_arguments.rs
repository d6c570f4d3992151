//! What a workspace may have, as whoever runs the gateway says it.

use std::{ops::RangeInclusive, str::FromStr};

use clap::Args;
use escriba_database::limits::Limits;

use super::MINUTE_MS;

/// Up to a petabyte; in minutes and jobs it is without meaning, and harmless.
const AMOUNTS: RangeInclusive<u64> = 1..=1_000_000_000_000_000;
const RATES: RangeInclusive<u32> = 1..=1_000_000_000;

#[derive(Debug, Args)]
pub struct LimitArgs {
    /// The largest recording it may send, in bytes, or `unlimited`. `MAX_UPLOAD_BYTES` holds in any case.
    #[arg(long, value_name = "BYTES")]
    pub max_upload_bytes: Option<AtMost>,
    /// The longest recording it may have transcribed, in minutes, or `unlimited`. `MAX_AUDIO_HOURS` holds in any case.
    #[arg(long, value_name = "MINUTES")]
    pub max_audio_minutes: Option<AtMost>,
    /// How many of its jobs may wait and run at a time, or `unlimited`.
    #[arg(long, value_name = "JOBS")]
    pub max_unfinished_jobs: Option<AtMost>,
    /// How many requests a minute each of its keys may send to each gateway, `unlimited`, or `usual` for
    /// `REQUESTS_PER_MINUTE`.
    #[arg(long, value_name = "REQUESTS")]
    pub requests_per_minute: Option<Rate>,
}

/// So much, or any amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtMost(pub Option<u64>);

/// So many, any number (0), or what is usual (`None`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<u32>);

impl LimitArgs {
    pub(super) const fn is_any(&self) -> bool {
        self.max_upload_bytes.is_some()
            || self.max_audio_minutes.is_some()
            || self.max_unfinished_jobs.is_some()
            || self.requests_per_minute.is_some()
    }

    /// The limits with what is asked for in their place.
    pub(super) fn change(&self, limits: Limits) -> Limits {
        let minutes = |AtMost(minutes): AtMost| minutes.map(|minutes| minutes * MINUTE_MS);
        let jobs = |AtMost(jobs): AtMost| jobs.map(|jobs| i32::try_from(jobs).unwrap_or(i32::MAX).cast_unsigned());
        Limits {
            max_upload_bytes: self.max_upload_bytes.map_or(limits.max_upload_bytes, |AtMost(bytes)| bytes),
            max_audio_ms: self.max_audio_minutes.map_or(limits.max_audio_ms, minutes),
            max_unfinished_jobs: self.max_unfinished_jobs.map_or(limits.max_unfinished_jobs, jobs),
            requests_per_minute: self.requests_per_minute.map_or(limits.requests_per_minute, |Rate(requests)| requests),
        }
    }
}

impl FromStr for AtMost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self(None));
        }
        let amount = text.parse().ok().filter(|amount| AMOUNTS.contains(amount));
        amount.map(|amount| Self(Some(amount))).ok_or_else(|| "use a whole number from 1, or `unlimited`".to_owned())
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "usual" => return Ok(Self(None)),
            "unlimited" => return Ok(Self(Some(0))),
            _ => {}
        }
        let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
        rate.map(|rate| Self(Some(rate))).ok_or_else(|| "use a whole number from 1, `unlimited` or `usual`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_rates_are_whole_numbers_or_words() {
        assert_eq!("unlimited".parse(), Ok(AtMost(None)));
        assert_eq!("1".parse(), Ok(AtMost(Some(1))));
        assert_eq!(("usual".parse(), "unlimited".parse()), (Ok(Rate(None)), Ok(Rate(Some(0)))));
        for wrong in ["0", "-1", "1.5", "1GB", "", "forever"] {
            assert!(wrong.parse::<AtMost>().is_err() && wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = Limits { max_unfinished_jobs: Some(2), requests_per_minute: Some(600), ..Limits::default() };
        let args = LimitArgs {
            max_upload_bytes: None,
            max_audio_minutes: Some(AtMost(Some(90))),
            max_unfinished_jobs: Some(AtMost(None)),
            requests_per_minute: None,
        };
        let after = Limits { max_audio_ms: Some(5_400_000), max_unfinished_jobs: None, ..before };
        assert_eq!(args.change(before), after);
    }
}
