//! Transcribes recordings as the service does, from file to text, and says how long that took with the model loaded:
//! one line of JSON. `dev/bench` runs it in turn with the peer it is compared to.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use clap::Parser;
use escriba_domain::{ModelName, Task};
use escriba_transcriber::{
    media::{DecodeCommand, DecodeRequest, DecoderPool},
    openmp,
    speech::{self, Device, Engine, Event, Models, ModelsSettings, Plan, RecognizeOptions, Weights, listen},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

#[derive(Debug, Parser)]
struct Arguments {
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, env = "MODELS_DIR")]
    models_dir: PathBuf,
    #[arg(long, default_value = "base")]
    model: ModelName,
    #[arg(long, value_enum, default_value_t = Weights::Quick)]
    weights: Weights,
    /// Recordings at once.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Left out: detected.
    #[arg(long)]
    language: Option<String>,
    #[arg(long)]
    words: bool,
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    openmp::spin_briefly()?;
    bench()
}

#[tokio::main]
async fn bench() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let processors = std::thread::available_parallelism()?.get();
    let models = Models::new(ModelsSettings {
        dir: arguments.models_dir.clone(),
        device: Device::Cpu,
        weights: arguments.weights,
        slots: processors.min(4),
        processors,
        keep_alive: None,
        memory_bytes: u64::MAX,
    });
    let engine = models.borrow(&arguments.model).await?;
    let command =
        DecodeCommand { program: env!("CARGO_BIN_EXE_escriba-transcriber").into(), ..DecodeCommand::default() };
    let decoders = Arc::new(DecoderPool::start(command)?);
    let start = Instant::now();
    let transcribed = stream::iter(&arguments.recordings).map(|path| transcribe(path, &arguments, &engine, &decoders));
    let texts: Vec<_> = transcribed.buffered(arguments.jobs).try_collect().await?;
    let seconds = start.elapsed().as_secs_f64();
    let report = serde_json::json!({ "seconds": seconds, "recordings": texts, "peak_mb": peak_megabytes()? });
    println!("{report}");
    Ok(())
}

async fn transcribe(
    path: &Path,
    arguments: &Arguments,
    engine: &Engine,
    decoders: &Arc<DecoderPool>,
) -> anyhow::Result<serde_json::Value> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let options = RecognizeOptions {
        language: arguments.language.as_deref().map(str::parse).transpose()?,
        languages: Vec::new(),
        task: Task::Transcribe,
        prompt: None,
        word_timestamps: arguments.words,
    };
    let plan = Plan { options, multilingual: false, from_ms: 0, resume_ms: 0, until_ms: u64::MAX, next_index: 0 };
    let (sender, mut events) = mpsc::channel(16);
    let cancel = Arc::default();
    let decoders = decoders.clone();
    let open = move || decoders.decode(&file, &DecodeRequest::default());
    let running =
        async { speech::transcribe(listen(open, &plan, &cancel).await?, engine, plan, &cancel, sender).await };
    let listening = async {
        let mut segments = Vec::new();
        let mut took = escriba_domain::Statistics::default();
        while let Some(event) = events.recv().await {
            if let Event::Window { segments: new, statistics, .. } = event {
                segments.extend(new);
                took += statistics;
            }
        }
        (segments, took)
    };
    let (outcome, (segments, statistics)) = tokio::join!(running, listening);
    let outcome = outcome?;
    let text: Vec<_> = segments.iter().map(|segment| segment.text.as_str()).collect();
    Ok(serde_json::json!({
        "path": path,
        "audio_ms": outcome.audio_ms,
        "language": outcome.language,
        "text": text.join(" "),
        "statistics": statistics,
        "segments": segments,
    }))
}

/// The most memory this process has had in use, in megabytes.
fn peak_megabytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak is told")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024)
}
