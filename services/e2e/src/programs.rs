//! Where the things lie that a stack is started from: the built programs, the weights, nats-server. It builds and
//! fetches nothing.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use escriba_test_support::repo_root;

/// The weights that the tests recognise with.
const WEIGHTS: &str = "ggml-base.bin";

/// A program of the same build as this one.
pub fn program(name: &str) -> PathBuf {
    let own = env::current_exe().expect("a program knows where it lies");
    // A test is target/<profile>/deps/<name>-<hash>, a program target/<profile>/<name>.
    let place = own.parent().expect("a program lies in a folder");
    let folder = if place.ends_with("deps") { place.parent().expect("deps lies in target/<profile>") } else { place };
    let program = folder.join(name);
    assert!(program.is_file(), "there is no {}: run `cargo build --workspace --bins` first", program.display());
    program
}

/// A command whose process the kernel ends with the thread that started it, so that a test that is killed leaves
/// nothing behind. Its environment holds a search path and nothing else of ours: settings of a developer's shell must
/// not reach the programs under test.
pub fn command(program: &Path) -> Command {
    // setpriv becomes the program, so the process has the same id throughout.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).env_clear().env("PATH", search_path());
    if let Some(nats_server) = env::var_os("NATS_SERVER") {
        command.env("NATS_SERVER", nats_server);
    }
    command
}

/// The folder that `escriba models pull base` has put weights in.
pub fn models_dir() -> PathBuf {
    let named = env::var_os("ESCRIBA_TEST_MODELS_DIR").or_else(|| env::var_os("MODELS_DIR")).map(PathBuf::from);
    let data = |variable: &str, below: &str| Some(PathBuf::from(env::var_os(variable)?).join(below).join("models"));
    let places =
        [named, data("ESCRIBA_DATA_DIR", ""), data("XDG_DATA_HOME", "escriba"), data("HOME", ".local/share/escriba")];
    let looked_in: Vec<_> = places.into_iter().flatten().collect();
    looked_in.iter().find(|folder| folder.join(WEIGHTS).is_file()).cloned().unwrap_or_else(|| {
        panic!("{WEIGHTS} is in none of {looked_in:?}: run `escriba models pull base`, or name its folder in ESCRIBA_TEST_MODELS_DIR")
    })
}

/// The checkout's own nats-server comes before the system's.
fn search_path() -> OsString {
    let ours = repo_root().join(".local/bin");
    let system = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(ours).chain(env::split_paths(&system))).expect("folders of a PATH can be joined")
}
