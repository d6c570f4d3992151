//! Every setting of the project in one list, and the check against misspelling that needs it. All services share one
//! environment, so a service cannot call a variable unknown merely because it does not read it itself; and a
//! variable that looks like nothing here belongs to somebody else and is left alone.

use std::collections::BTreeSet;

use clap::Command;

use super::{Environment, SettingsError};

/// The names of all settings of all services. Each may also be given as `NAME_FILE`.
pub const KNOWN: &[&str] = &[
    "BOOTSTRAP_KEY_FILE",
    "CHUNK_SECONDS",
    "DATABASE_URL",
    "ESCRIBA_API_KEY",
    "ESCRIBA_DATA_DIR",
    "ESCRIBA_URL",
    "EXPORT_GRPC_ADDR",
    "EXPORT_INTERNAL_ADDR",
    "EXPORT_URL",
    "GATEWAY_GRPC_ADDR",
    "GATEWAY_HTTP_ADDR",
    "GATEWAY_INTERNAL_ADDR",
    "GATEWAY_MODELS",
    "IMPORT_ALLOW",
    "LOG_FORMAT",
    "MAX_AUDIO_HOURS",
    "MAX_UPLOAD_BYTES",
    "MODELS_DIR",
    "MODELS_HUB_URL",
    "MODEL_KEEP_ALIVE",
    "MODEL_MEMORY_MB",
    "NATS_REPLICAS",
    "NATS_SERVER",
    "NATS_URL",
    "ORPHAN_AGE",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "REPORTS_URL",
    "REQUESTS_PER_MINUTE",
    "RUST_LOG",
    "STORAGE_URL",
    "TRANSCRIBER_INTERNAL_ADDR",
    "TRANSCRIBER_MODELS",
    "WHISPER_DEVICE",
    "WHISPER_MODEL",
    "WHISPER_SLOTS",
    "WHISPER_THREADS",
    "WHISPER_WEIGHTS",
];

/// Only variables of these families can be misspelt settings.
const FAMILIES: &[&str] = &[
    "CHUNK_",
    "DATABASE_",
    "ESCRIBA_",
    "EXPORT_",
    "GATEWAY_",
    "IMPORT_",
    "MAX_AUDIO_",
    "MAX_UPLOAD_",
    "MODELS_",
    "MODEL_",
    "NATS_",
    "ORPHAN_",
    "REPORTS_",
    "REQUESTS_",
    "STORAGE_",
    "TRANSCRIBER_",
    "WHISPER_",
];

/// In a name shorter than this a second differing letter makes another word: `NATS_CRT` is not `NATS_URL`.
const SHORT: usize = 12;

/// Refuses the first variable that is almost, but not quite, a setting.
pub(super) fn refuse_misspelt(command: &Command, environment: &Environment) -> Result<(), SettingsError> {
    let mut known: BTreeSet<String> = KNOWN.iter().map(|&name| name.to_owned()).collect();
    collect_own(command, &mut known);
    let twins: Vec<_> = known.iter().map(|name| format!("{name}_FILE")).collect();
    known.extend(twins);

    for name in environment.keys() {
        let ours = FAMILIES.iter().any(|family| name.starts_with(family));
        if !ours || known.contains(name) {
            continue;
        }
        if let Some(suggestion) = nearest(name, &known) {
            return Err(SettingsError::Misspelt { name: name.clone(), suggestion: suggestion.to_owned() });
        }
    }
    Ok(())
}

/// The settings of the command itself, which a test's or a newcomer's command need not have entered in the list.
fn collect_own(command: &Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)));
    for subcommand in command.get_subcommands() {
        collect_own(subcommand, known);
    }
}

/// The setting that `name` was probably meant to be.
fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let distances = known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    let (distance, candidate) = distances.min()?;
    let allowed = if candidate.len() < SHORT { 1 } else { 2 };
    if distance <= allowed {
        return Some(candidate);
    }
    known.iter().map(String::as_str).find(|candidate| is_longer_form(name, candidate))
}

/// `GATEWAY_HTTP_ADDRESS` for `GATEWAY_HTTP_ADDR`. A further word, as in `NATS_URL_INTERNAL`, makes a name of its own.
fn is_longer_form(name: &str, candidate: &str) -> bool {
    name.strip_prefix(candidate).is_some_and(|rest| !rest.contains('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variable: &str) -> Option<String> {
        let environment = Environment::from([(variable.to_owned(), "x".into())]);
        match refuse_misspelt(&Command::new("sample"), &environment) {
            Ok(()) => None,
            Err(SettingsError::Misspelt { suggestion, .. }) => Some(suggestion),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn near_misses_are_found() {
        for (misspelt, meant) in [
            ("NATS_ULR", "NATS_URL"),
            ("WHISPER_MODLE", "WHISPER_MODEL"),
            ("WHISPER_THREAD", "WHISPER_THREADS"),
            ("MAX_UPLOAD_BYTE", "MAX_UPLOAD_BYTES"),
            ("GATEWAY_HTTP_ADDRESS", "GATEWAY_HTTP_ADDR"),
            ("DATABASE_URL_FIEL", "DATABASE_URL_FILE"),
        ] {
            assert_eq!(check(misspelt).as_deref(), Some(meant), "{misspelt}");
        }
    }

    #[test]
    fn settings_and_their_files_are_accepted() {
        for name in KNOWN {
            assert_eq!(check(name), None);
            assert_eq!(check(&format!("{name}_FILE")), None);
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let kubernetes = ["NATS_PORT", "NATS_SERVICE_HOST", "EXPORT_PORT", "EXPORT_PORT_50052_TCP_ADDR"];
        let strangers = ["NATS_USER", "NATS_CRT", "DATABASE_HOST", "HTTP_PROXY", "PUBLIC_ULR", "PATH", "RUST_LOGS"];
        for name in kubernetes.iter().chain(&strangers) {
            assert_eq!(check(name), None, "{name}");
        }
    }

    #[test]
    fn every_name_is_in_the_list_once_and_in_order() {
        assert!(KNOWN.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_example_file_names_every_setting_and_no_other() {
        let example = include_str!("../../../../../.env.example");
        let named = example.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let mut named: Vec<&str> = named.map(|(name, _)| name).collect();
        named.sort_unstable();
        assert_eq!(named, KNOWN);
    }
}
