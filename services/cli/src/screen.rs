//! The terminal, shared by progress bars, log lines and results, so that none garbles another: everything written
//! while bars may be visible goes through here. It must not know what the lines mean.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Standard error with progress bars, and standard output beneath them.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    interactive: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { bars: MultiProgress::new(), interactive: io::stderr().is_terminal() }
    }

    /// Whether a person watches: bars are drawn, and colours make sense.
    pub(crate) fn interactive(&self) -> bool {
        self.interactive
    }

    pub(crate) fn coloured(&self) -> bool {
        self.interactive && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// A line for the person, above any bars.
    pub(crate) fn line(&self, text: impl Display) {
        self.bars.suspend(|| eprintln!("{text}"));
    }

    /// A result on standard output, exactly these bytes.
    pub(crate) fn result(&self, bytes: &[u8]) -> io::Result<()> {
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        })
    }

    /// A moving sign that something is under way. Without a terminal the text is a plain line.
    pub(crate) fn spinner(&self, text: &str) -> ProgressBar {
        if !self.interactive {
            self.line(text);
        }
        let spinner = self.add(ProgressBar::new_spinner().with_message(text.to_owned()));
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    /// A bar of a thousand steps with a name before and a message after it.
    pub(crate) fn bar(&self, name: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("{prefix:24!} [{bar:24}] {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        self.add(ProgressBar::new(1000).with_style(style).with_prefix(name.to_owned()))
    }

    fn add(&self, bar: ProgressBar) -> ProgressBar {
        self.bars.add(bar)
    }
}
