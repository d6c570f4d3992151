//! A start with wrong settings: one line on stderr, code 2, nothing else.

use anyhow::Result;

use crate::process::command;

#[test]
fn a_wrong_setting_stops_the_start_with_one_line() -> Result<()> {
    for (environment, line) in [
        (vec![], "the following required arguments were not provided: --database-url <DATABASE_URL>"),
        (
            vec![("DATABASE_URL", "sqlite::memory:"), ("EXPORT_GRPC_ADDR", "everywhere")],
            "invalid value 'everywhere' for '--export-grpc-addr <EXPORT_GRPC_ADDR>': invalid socket address syntax",
        ),
        (
            vec![("DATABASE_URL", "sqlite::memory:"), ("DATABASE_URL_FILE", "/run/secrets/database")],
            "DATABASE_URL and DATABASE_URL_FILE are both set; keep one of them",
        ),
        (
            vec![("DATABASE_URL", "sqlite::memory:"), ("EXPORT_GRPC_ADR", "127.0.0.1:0")],
            "EXPORT_GRPC_ADR is not a setting; did you mean EXPORT_GRPC_ADDR?",
        ),
    ] {
        let output = command(&environment).output()?;
        assert_eq!(String::from_utf8(output.stderr)?, format!("escriba-export: {line}\n"));
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }
    Ok(())
}
