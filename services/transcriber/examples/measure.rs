use std::{fs::File, sync::Arc, time::Instant, path::Path};
use escriba_transcriber::{media::*, speech::*};
fn main() {
    let mut a = std::env::args().skip(1);
    let first = a.next().unwrap();
    if first == "decode" { std::process::exit(if decode_child::main() == std::process::ExitCode::SUCCESS {0} else {1}); }
    let language = if first == "auto" { None } else { Some(first.parse().unwrap()) };
    let words = std::env::var("WORDS").is_ok();
    let model = Model::load(Path::new(&std::env::var("ESCRIBA_TEST_MODEL").unwrap_or("/root/.local/share/escriba/models/ggml-base.bin".into())), &ModelSettings{device: Device::Cpu}).unwrap();
    let mut r = model.recognizer().unwrap();
    for f in a {
        let t = Instant::now();
        let options = RecognizeOptions{language, task: escriba_domain::Task::Transcribe, prompt: None, word_timestamps: words, threads: 2};
        let d = Decoder::spawn(File::open(&f).unwrap()).unwrap();
        let mut last = 0;
        let o = run(d, &mut r, Plan{options, resume_ms:0, next_index:0}, &Arc::default(), |e| match e {
            Event::Window{segments, through_ms, ..} => { 
                eprintln!("  window ..{through_ms} ({} after last) {:.2}s", through_ms-last, t.elapsed().as_secs_f32()); last = through_ms;
                for s in segments { println!("{}\t{}\t{}\t{}\t{:.2}\t{:.2}", f, s.start_ms, s.end_ms, s.text, s.avg_logprob, s.no_speech_prob);
                    for w in s.words { eprintln!("     {} {} {} {:.2}", w.start_ms, w.end_ms, w.text, w.probability); } } }
            Event::Progress{..} => {}
            other => eprintln!("{other:?}"),
        });
        eprintln!("{f}: {o:?} in {:.2} s", t.elapsed().as_secs_f32());
    }
    let hwm = std::fs::read_to_string("/proc/self/status").unwrap(); eprintln!("{}", hwm.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
