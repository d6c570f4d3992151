//! What the stack is made of: each service's program, its settings and how one sees that it is ready. The only place
//! where the children's settings are written; it must not start anything.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use escriba_domain::ModelName;

use super::{ports::Addresses, programs::Programs};
use crate::data_dir::DataDir;

/// One child process of the supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) settings: Vec<(&'static str, OsString)>,
    pub(crate) ready: ReadyWhen,
}

/// How one sees that a service can do its work.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReadyWhen {
    /// It accepts connections there.
    Accepts(SocketAddr),
    /// `/readyz` there answers 200.
    SaysSo(SocketAddr),
}

/// The services of one stack.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) nats_server: Service,
    pub(crate) gateway: Service,
    pub(crate) export: Service,
    pub(crate) transcriber: Service,
}

/// What a person may choose about the transcriber. What is not chosen is left to the transcriber's own defaults.
#[derive(Debug, Clone)]
pub(crate) struct Whisper {
    pub(crate) model: ModelName,
    pub(crate) models_dir: PathBuf,
    pub(crate) device: Option<String>,
    pub(crate) threads: Option<u16>,
    pub(crate) slots: Option<u16>,
}

impl Services {
    pub(crate) fn plan(
        programs: &Programs,
        addresses: &Addresses,
        data: &DataDir,
        whisper: &Whisper,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            nats_server: Service {
                name: "nats-server",
                program: programs.nats_server.clone(),
                arguments: vec!["--config".into(), data.nats_config().into()],
                settings: Vec::new(),
                ready: ReadyWhen::Accepts(addresses.nats),
            },
            gateway: Service {
                name: "gateway",
                program: programs.gateway.clone(),
                arguments: Vec::new(),
                settings: vec![
                    ("DATABASE_URL", data.database_url()?.into()),
                    ("NATS_URL", addresses.nats_url().into()),
                    ("STORAGE_URL", data.storage_url()?.into()),
                    ("GATEWAY_HTTP_ADDR", addresses.http.to_string().into()),
                    ("GATEWAY_GRPC_ADDR", addresses.reports.to_string().into()),
                    ("GATEWAY_INTERNAL_ADDR", addresses.gateway_internal.to_string().into()),
                    ("EXPORT_URL", format!("http://{}", addresses.export).into()),
                    ("WHISPER_MODEL", whisper.model.as_str().into()),
                    ("BOOTSTRAP_KEY_FILE", data.api_key().into()),
                ],
                ready: ReadyWhen::SaysSo(addresses.gateway_internal),
            },
            export: Service {
                name: "export",
                program: programs.export.clone(),
                arguments: Vec::new(),
                settings: vec![
                    ("DATABASE_URL", data.database_url()?.into()),
                    ("EXPORT_GRPC_ADDR", addresses.export.to_string().into()),
                    ("EXPORT_INTERNAL_ADDR", addresses.export_internal.to_string().into()),
                ],
                ready: ReadyWhen::SaysSo(addresses.export_internal),
            },
            transcriber: Service {
                name: "transcriber",
                program: programs.transcriber.clone(),
                arguments: Vec::new(),
                settings: transcriber_settings(addresses, data, whisper)?,
                ready: ReadyWhen::SaysSo(addresses.transcriber_internal),
            },
        })
    }
}

fn transcriber_settings(
    addresses: &Addresses,
    data: &DataDir,
    whisper: &Whisper,
) -> anyhow::Result<Vec<(&'static str, OsString)>> {
    let mut settings: Vec<(&'static str, OsString)> = vec![
        ("NATS_URL", addresses.nats_url().into()),
        ("STORAGE_URL", data.storage_url()?.into()),
        ("REPORTS_URL", format!("http://{}", addresses.reports).into()),
        ("WHISPER_MODEL", whisper.model.as_str().into()),
        ("MODELS_DIR", whisper.models_dir.clone().into()),
        ("TRANSCRIBER_INTERNAL_ADDR", addresses.transcriber_internal.to_string().into()),
    ];
    settings.extend(whisper.device.as_ref().map(|device| ("WHISPER_DEVICE", device.into())));
    settings.extend(whisper.threads.map(|threads| ("WHISPER_THREADS", threads.to_string().into())));
    settings.extend(whisper.slots.map(|slots| ("WHISPER_SLOTS", slots.to_string().into())));
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn planned() -> Services {
        let programs = Programs {
            nats_server: "/bin/nats-server".into(),
            gateway: "/bin/escriba-gateway".into(),
            export: "/bin/escriba-export".into(),
            transcriber: "/bin/escriba-transcriber".into(),
        };
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            http: address(8080),
            nats: address(4222),
            reports: address(50051),
            export: address(50052),
            gateway_internal: address(9101),
            export_internal: address(9102),
            transcriber_internal: address(9103),
        };
        let data = DataDir::resolve(Some(Path::new("/data"))).unwrap();
        let whisper = Whisper {
            model: "tiny.en".parse().unwrap(),
            models_dir: "/models".into(),
            device: None,
            threads: Some(2),
            slots: None,
        };
        Services::plan(&programs, &addresses, &data, &whisper).unwrap()
    }

    fn lines(service: &Service) -> Vec<String> {
        service.settings.iter().map(|(name, value)| format!("{name}={}", value.display())).collect()
    }

    #[test]
    fn each_service_is_told_where_the_others_are() {
        let services = planned();
        assert_eq!(
            lines(&services.gateway),
            [
                "DATABASE_URL=sqlite:///data/escriba.db?mode=rwc",
                "NATS_URL=nats://127.0.0.1:4222",
                "STORAGE_URL=file:///data/media",
                "GATEWAY_HTTP_ADDR=127.0.0.1:8080",
                "GATEWAY_GRPC_ADDR=127.0.0.1:50051",
                "GATEWAY_INTERNAL_ADDR=127.0.0.1:9101",
                "EXPORT_URL=http://127.0.0.1:50052",
                "WHISPER_MODEL=tiny.en",
                "BOOTSTRAP_KEY_FILE=/data/api-key",
            ]
        );
        assert_eq!(
            lines(&services.export),
            [
                "DATABASE_URL=sqlite:///data/escriba.db?mode=rwc",
                "EXPORT_GRPC_ADDR=127.0.0.1:50052",
                "EXPORT_INTERNAL_ADDR=127.0.0.1:9102",
            ]
        );
    }

    #[test]
    fn the_transcriber_gets_only_the_choices_that_were_made() {
        assert_eq!(
            lines(&planned().transcriber),
            [
                "NATS_URL=nats://127.0.0.1:4222",
                "STORAGE_URL=file:///data/media",
                "REPORTS_URL=http://127.0.0.1:50051",
                "WHISPER_MODEL=tiny.en",
                "MODELS_DIR=/models",
                "TRANSCRIBER_INTERNAL_ADDR=127.0.0.1:9103",
                "WHISPER_THREADS=2",
            ]
        );
    }
}
